-- How a run ends, and what it proved when it was clean.
UPDATE reconciliation_runs
SET state = %(state)s,
    exit_code = %(exit_code)s,
    notes = %(notes)s,
    verified_from = %(verified_from)s,
    verified_through = %(verified_through)s,
    ended_at = clock_timestamp(),
    phase = CASE WHEN %(finished)s THEN 'done' ELSE phase END
WHERE run_id = %(run)s
