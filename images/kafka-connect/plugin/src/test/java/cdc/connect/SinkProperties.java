package cdc.connect;

import java.util.Map;

/** The sink's properties as the pipeline sets them, except addresses and credentials. */
final class SinkProperties {

    private SinkProperties() {
    }

    static Map<String, String> of(String url) {
        return of(url, "cdc_writer", "wrong");
    }

    static Map<String, String> of(String url, String user, String password) {
        return Map.ofEntries(
                Map.entry("name", "postgres-sink"),
                Map.entry("connection.url", url),
                Map.entry("connection.username", user),
                Map.entry("connection.password", password),
                Map.entry("connection.pool.min_size", "1"),
                Map.entry("connection.pool.max_size", "2"),
                Map.entry("connection.pool.acquire_increment", "1"),
                Map.entry("hibernate.c3p0.acquireRetryAttempts", "1"),
                Map.entry("flush.max.retries", "0"),
                Map.entry("insert.mode", "upsert"),
                Map.entry("primary.key.mode", "record_key"),
                Map.entry("delete.enabled", "true"),
                Map.entry("schema.evolution", "none"),
                Map.entry("collection.name.format", "${source.keyspace_name}.${source.table_name}"),
                Map.entry("use.reduction.buffer", "true"),
                Map.entry("batch.size", "3000"));
    }
}
