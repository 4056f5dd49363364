-- Top reasons: why verifications were rejected, and why deliveries did not happen.
SELECT 'rejected' AS what, reason, count(*) AS events, count(DISTINCT subject) AS subjects
FROM validation_result
WHERE result = 'rejected'
GROUP BY reason
UNION ALL
SELECT 'suppressed', reason, count(*), count(DISTINCT subject)
FROM lifecycle
WHERE type = 'suppressed'
GROUP BY reason
ORDER BY events DESC, what, reason;
