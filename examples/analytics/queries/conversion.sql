-- Conversion by tenant and prefix: how many of the codes that were issued were used.
-- Many codes and hardly any use under one prefix: somebody is paid for each SMS (pumping).
SELECT i.tenantId AS tenant,
       i.prefix AS prefix,
       count(*) AS issued,
       count(v.eventId) AS verified,
       round(100.0 * count(v.eventId) / count(*), 1) AS conversion_percent
FROM lifecycle AS i
LEFT JOIN lifecycle AS v ON v.challengeId = i.challengeId AND v.type = 'verified'
WHERE i.type = 'issued' AND i.prefix IS NOT NULL
GROUP BY i.tenantId, i.prefix
ORDER BY issued DESC, i.tenantId, i.prefix;
