INSERT INTO reconciliation_repairs (log_id, run_id, table_name, attempt, action, outcome, columns, before, after,
    source_fingerprint, seen_xmin, xid, detail, undoes)
VALUES (%(log)s, %(run)s, %(table)s,
    (SELECT coalesce(max(attempt), 0) + 1 FROM reconciliation_repairs WHERE log_id = %(log)s),
    %(action)s, %(outcome)s, %(columns)s, %(before)s::jsonb, %(after)s::jsonb, %(fingerprint)s, %(seen)s, %(xid)s, %(detail)s,
    %(undoes)s)
