-- How the last attempt at each finding ended.
SELECT outcome, count(*)
FROM (
    SELECT DISTINCT ON (log_id) log_id, outcome FROM reconciliation_repairs
    WHERE run_id = %(run)s AND action IN ('insert', 'update') ORDER BY log_id, attempt DESC
) AS last
GROUP BY outcome
