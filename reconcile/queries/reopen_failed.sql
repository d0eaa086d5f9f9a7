-- Units that failed are done again, and with them the search for extra rows: it left their ranges out.
UPDATE reconciliation_checkpoints c
SET state = 'pending', error = NULL
WHERE run_id = %(run)s
  AND (state = 'failed' OR phase = 'extra' AND EXISTS (
      SELECT 1 FROM reconciliation_checkpoints f WHERE f.run_id = c.run_id AND f.phase = 'scan' AND f.state = 'failed'))
