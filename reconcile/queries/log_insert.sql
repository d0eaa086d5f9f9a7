INSERT INTO reconciliation_log (run_id, table_name, kind, cause, state, pk, pk_fingerprint, differing_columns, diff,
    source_fingerprint, target_fingerprint, target_xmin, first_seen, checks, changes)
VALUES (%(run)s, %(table)s, %(kind)s, %(cause)s, %(state)s, %(pk)s, %(fingerprint)s, %(columns)s, %(diff)s,
    %(source)s, %(target)s, %(xmin)s, %(first_seen)s, %(checks)s, %(changes)s)
ON CONFLICT (run_id, table_name, pk_fingerprint, kind) DO NOTHING
