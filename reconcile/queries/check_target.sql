-- What the login may do with a target table, and how large the planner takes it to be.
SELECT has_table_privilege(c.oid, 'SELECT') AS reads,
       has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') AS repairs,
       c.reltuples::bigint AS estimated_rows
FROM pg_class AS c
WHERE c.oid = to_regclass(%(table)s)
