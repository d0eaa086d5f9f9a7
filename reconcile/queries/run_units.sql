-- A unit of a new run, to be done.
INSERT INTO reconciliation_checkpoints (run_id, phase, unit_number, kind, unit_low, unit_high, streams)
VALUES (%(run)s, 'scan', %(number)s, %(kind)s, %(low)s, %(high)s, %(streams)s)
ON CONFLICT DO NOTHING
