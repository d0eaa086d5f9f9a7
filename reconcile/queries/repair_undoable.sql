-- Repairs that still stand, newest first: undoing goes backwards.
SELECT r.repair_id, r.log_id, r.action, r.columns, r.xid, l.pk
FROM reconciliation_repairs r JOIN reconciliation_log l USING (log_id)
WHERE r.run_id = %(run)s AND r.outcome = 'applied' AND r.action IN ('insert', 'update')
  AND (%(before)s::bigint IS NULL OR r.repair_id < %(before)s)
  AND NOT EXISTS (SELECT 1 FROM reconciliation_repairs u WHERE u.undoes = r.repair_id AND u.outcome = 'applied')
ORDER BY r.repair_id DESC LIMIT %(limit)s
