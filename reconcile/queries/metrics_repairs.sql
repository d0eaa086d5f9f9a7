-- Everything that was ever written to target tables, or tried.
SELECT table_name, action, outcome, count(*) AS repairs
FROM reconciliation_repairs
GROUP BY table_name, action, outcome
