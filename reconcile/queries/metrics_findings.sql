-- Everything that was ever confirmed or could not be decided.
SELECT table_name, kind, cause, state, count(*) AS findings
FROM reconciliation_log
GROUP BY table_name, kind, cause, state
