-- Sums over the tables of a run, so that a resumed run counts like an unbroken one.
SELECT count(*) FILTER (WHERE phase = 'scan') AS total,
       count(*) FILTER (WHERE phase = 'scan' AND state = 'done') AS done,
       count(*) FILTER (WHERE state = 'failed') AS failed,
       sum(unit_high::numeric - unit_low::numeric) FILTER (WHERE phase = 'scan') AS width,
       coalesce(sum(unit_high::numeric - unit_low::numeric) FILTER (WHERE phase = 'scan' AND state = 'done'), 0)
           AS done_width,
       coalesce(sum((counts ->> 'source_rows')::bigint), 0) AS source_rows,
       coalesce(sum((counts ->> 'target_rows')::bigint), 0) AS target_rows,
       coalesce(sum((counts ->> 'matched_rows')::bigint), 0) AS matched_rows,
       coalesce(sum((counts ->> 'static_only_partitions')::bigint), 0) AS static_only_partitions,
       coalesce(sum((counts ->> 'seconds')::double precision), 0) AS seconds,
       coalesce(sum((counts ->> 'transient')::bigint), 0) AS transient,
       (SELECT count(*) FROM reconciliation_candidates WHERE run_id = %(run)s) AS candidates,
       (SELECT count(*) FROM reconciliation_log WHERE run_id = %(run)s AND state <> 'unstable') AS confirmed,
       (SELECT count(*) FROM reconciliation_repairs WHERE run_id = %(run)s AND outcome = 'applied'
           AND action IN ('insert', 'update')) AS repaired
FROM reconciliation_checkpoints
WHERE run_id = %(run)s
