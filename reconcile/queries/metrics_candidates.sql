-- Rows that differed at a look and are not decided, of runs that go on.
SELECT r.table_name, count(*) AS candidates
FROM reconciliation_candidates AS c
JOIN reconciliation_runs AS r USING (run_id)
WHERE r.state = 'running'
GROUP BY r.table_name
