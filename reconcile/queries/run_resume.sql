-- Another process goes on with a run; the same one, after a broken connection, is not another attempt.
UPDATE reconciliation_runs
SET state = 'running',
    owner = %(owner)s,
    host = %(host)s,
    process_id = %(process)s,
    attempt = attempt + CASE WHEN owner = %(owner)s THEN 0 ELSE 1 END,
    heartbeat_at = clock_timestamp(),
    ended_at = NULL,
    exit_code = NULL,
    breaker = NULL,
    notes = '{}',
    repair_policy = %(repair)s,
    dry_run = %(dry_run)s,
    phase = CASE WHEN phase = 'done' THEN 'scan' ELSE phase END
WHERE run_id = %(run)s
