-- What the units of some runs saw.
SELECT run_id,
       count(*) FILTER (WHERE state = 'done') AS done,
       count(*) FILTER (WHERE state = 'failed') AS failed,
       count(*) FILTER (WHERE state = 'pending') AS pending,
       coalesce(sum((counts ->> 'source_rows')::bigint), 0)::bigint AS source_rows,
       coalesce(sum((counts ->> 'target_rows')::bigint), 0)::bigint AS target_rows,
       coalesce(sum((counts ->> 'seconds')::double precision), 0)::double precision AS seconds,
       coalesce(sum((counts ->> 'transient')::bigint), 0)::bigint AS transient
FROM reconciliation_checkpoints
WHERE run_id = ANY (%(runs)s)
GROUP BY run_id
