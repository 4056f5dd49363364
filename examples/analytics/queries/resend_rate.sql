-- Resend rate by prefix: deliveries again for a hundred codes that were issued.
-- One prefix above the others: its operator delivers late, or not at all.
SELECT prefix,
       sum(type = 'issued') AS issued,
       sum(type = 'resent') AS resent,
       round(100.0 * sum(type = 'resent') / sum(type = 'issued'), 1) AS resends_percent
FROM lifecycle
WHERE type IN ('issued', 'resent') AND prefix IS NOT NULL
GROUP BY prefix
HAVING sum(type = 'issued') > 0
ORDER BY resends_percent DESC, prefix;
