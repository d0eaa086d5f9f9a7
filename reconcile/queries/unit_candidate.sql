-- A difference that a unit saw.
INSERT INTO reconciliation_candidates (run_id, pk_fingerprint, phase, unit_number, pk, kind, differing_columns,
    source_fingerprint, target_fingerprint)
VALUES (%(run)s, %(fingerprint)s, %(phase)s, %(number)s, %(key)s, %(kind)s, %(columns)s,
    %(source_fingerprint)s, %(target_fingerprint)s)
ON CONFLICT DO NOTHING
