"""ScyllaDB: a server, and keyspaces, tables and roles inside any server."""
