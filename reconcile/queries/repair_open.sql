-- Confirmed findings to repair; a dry run takes each once.
SELECT * FROM reconciliation_log l
WHERE run_id = %(run)s AND state = 'open' AND kind = ANY(%(kinds)s) AND log_id > %(after)s
  AND NOT (%(dry_run)s AND EXISTS (
      SELECT 1 FROM reconciliation_repairs r WHERE r.log_id = l.log_id AND r.outcome = 'dry_run'))
ORDER BY log_id LIMIT %(limit)s
