-- A row counts once for each run; one that was equal for a while and differs again is open again.
INSERT INTO reconciliation_log AS l (run_id, table_name, kind, cause, state, pk, pk_fingerprint, differing_columns, diff,
    source_fingerprint, target_fingerprint, target_xmin, first_seen, checks, changes)
VALUES (%(run)s, %(table)s, %(kind)s, %(cause)s, %(state)s, %(pk)s, %(fingerprint)s, %(columns)s, %(diff)s,
    %(source)s, %(target)s, %(xmin)s, %(first_seen)s, %(checks)s, %(changes)s)
ON CONFLICT (run_id, table_name, pk_fingerprint, kind) DO UPDATE
SET state = EXCLUDED.state, cause = EXCLUDED.cause, differing_columns = EXCLUDED.differing_columns,
    diff = EXCLUDED.diff, source_fingerprint = EXCLUDED.source_fingerprint,
    target_fingerprint = EXCLUDED.target_fingerprint, target_xmin = EXCLUDED.target_xmin, checks = EXCLUDED.checks,
    changes = EXCLUDED.changes, confirmed_at = clock_timestamp(), updated_at = clock_timestamp()
WHERE l.state = 'resolved'
