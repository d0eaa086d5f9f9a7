-- Whether the bookkeeping tables are there, or can be made.
SELECT to_regclass(quote_ident(%(schema)s) || '.reconciliation_runs') IS NOT NULL AS there,
       CASE
           WHEN to_regnamespace(quote_ident(%(schema)s)) IS NULL
               THEN has_database_privilege(current_database(), 'CREATE')
           ELSE has_schema_privilege(to_regnamespace(quote_ident(%(schema)s)), 'CREATE')
       END AS can_be_made
