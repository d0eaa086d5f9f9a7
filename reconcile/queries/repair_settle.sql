-- A row that a look found equal: was it us?
UPDATE reconciliation_log l
SET updated_at = clock_timestamp(),
    state = CASE WHEN EXISTS (
        SELECT 1 FROM reconciliation_repairs r
        WHERE r.log_id = l.log_id AND r.outcome = 'applied' AND r.action IN ('insert', 'update')
          AND NOT EXISTS (SELECT 1 FROM reconciliation_repairs u WHERE u.undoes = r.repair_id AND u.outcome = 'applied')
    ) THEN 'repaired' ELSE 'resolved' END
WHERE log_id = ANY(%(logs)s)
