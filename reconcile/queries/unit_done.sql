-- The checkpoint of a unit, with what it counted.
INSERT INTO reconciliation_checkpoints AS c (run_id, phase, unit_number, kind, unit_low, unit_high, state, attempt,
    counts)
VALUES (%(run)s, %(phase)s, %(number)s, %(kind)s, %(low)s, %(high)s, 'done', 1, %(counts)s)
ON CONFLICT (run_id, phase, unit_number) DO UPDATE
SET state = 'done', attempt = c.attempt + 1, counts = EXCLUDED.counts, error = NULL, updated_at = clock_timestamp()
