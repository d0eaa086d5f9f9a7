UPDATE reconciliation_log SET state = 'superseded', updated_at = clock_timestamp()
WHERE table_name = %(table)s AND pk_fingerprint = %(fingerprint)s AND run_id <> %(run)s AND state = ANY(%(unsettled)s)
