-- A new run. Doing it again after a broken connection leaves the same row.
INSERT INTO reconciliation_runs (run_id, table_name, target_name, mode, strategy, repair_policy, dry_run,
    window_start, window_end, fingerprint, owner, host, process_id, ignored_columns)
VALUES (%(run)s, %(source)s, %(target)s, %(mode)s, %(strategy)s, %(repair)s, %(dry_run)s,
    %(since)s, %(until)s, %(fingerprint)s, %(owner)s, %(host)s, %(process)s, %(ignored)s)
ON CONFLICT (run_id) DO NOTHING
