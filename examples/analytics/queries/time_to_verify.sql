-- Time to verify: from the first delivery of a code to its use, in steps of ten seconds, by tenant.
-- A wave that comes late: the SMS route is slow. Uses within the first second or two: a machine reads the SMS.
SELECT i.tenantId AS tenant,
       (v.occurredAt - i.occurredAt) / 10000 * 10 AS from_s,
       count(*) AS verified
FROM lifecycle AS i
JOIN lifecycle AS v ON v.challengeId = i.challengeId AND v.type = 'verified'
WHERE i.type = 'issued'
GROUP BY tenant, from_s
ORDER BY tenant, from_s;
