-- Repairs that were committed and not followed by the last read of ScyllaDB.
SELECT r.repair_id, r.log_id, r.action, r.xid, r.source_fingerprint, l.pk, l.pk_fingerprint
FROM reconciliation_repairs r JOIN reconciliation_log l USING (log_id)
WHERE r.table_name = %(table)s AND r.outcome = 'applied' AND r.verified_at IS NULL AND r.action IN ('insert', 'update')
ORDER BY r.repair_id
