"""PostgreSQL: a server, and database, roles and target tables inside any server."""
