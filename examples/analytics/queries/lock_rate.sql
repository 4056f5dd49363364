-- Lock rate: of the subjects that got a code on a day (India's), how many were locked on that day.
-- A day above the others: somebody guesses codes.
WITH days AS (
    SELECT date(occurredAt / 1000, 'unixepoch', '+330 minutes') AS day, type, subject
    FROM lifecycle WHERE type IN ('issued', 'locked')
)
SELECT day,
       count(DISTINCT CASE WHEN type = 'issued' THEN subject END) AS subjects,
       count(DISTINCT CASE WHEN type = 'locked' THEN subject END) AS locked,
       round(100.0 * count(DISTINCT CASE WHEN type = 'locked' THEN subject END)
             / max(count(DISTINCT CASE WHEN type = 'issued' THEN subject END), 1), 2) AS lock_percent
FROM days
GROUP BY day
ORDER BY day;
