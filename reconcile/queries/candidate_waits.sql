UPDATE reconciliation_candidates
SET kind = %(kind)s, differing_columns = %(columns)s, source_fingerprint = %(source)s,
    target_fingerprint = %(target)s, target_xmin = %(xmin)s, last_looked = %(looked)s, looks = looks + 1,
    stable_looks = %(stable)s, changes = %(changes)s
WHERE run_id = %(run)s AND pk_fingerprint = %(fingerprint)s
