package cdc.standin.scylla;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Writes cassandra.yaml and the system properties that Cassandra reads before it starts. */
final class CassandraConfig {

    private CassandraConfig() {
    }

    /** Prepares the directory and the system properties; a property that is already set is left alone. */
    static void apply(ServerOptions options) throws IOException {
        Path triggers = Files.createDirectories(options.workdir().resolve("triggers"));
        Path yaml = options.workdir().resolve("cassandra.yaml");
        Files.writeString(yaml, yaml(options));
        Map<String, String> properties = new LinkedHashMap<>();
        properties.put("cassandra.config", yaml.toUri().toString());
        properties.put("cassandra.storagedir", options.workdir().toString());
        properties.put("cassandra.triggers_dir", triggers.toString());
        properties.put("cassandra.custom_query_handler_class", CdcQueryHandler.class.getName());
        // The CQL port opens only after roles and streams exist.
        properties.put("cassandra.start_native_transport", "false");
        properties.put("cassandra-foreground", "true");
        properties.put("cassandra.skip_wait_for_gossip_to_settle", "0");
        properties.put("cassandra.ring_delay_ms", "0");
        properties.put("cassandra.superuser_setup_delay_ms", "0");
        properties.put("cassandra.system_distributed.default_rf", "1");
        properties.forEach((name, value) -> System.setProperty(name, System.getProperty(name, value)));
    }

    static String yaml(ServerOptions options) {
        Map<String, String> settings = new LinkedHashMap<>();
        settings.put("cluster_name", "scylla-standin");
        settings.put("num_tokens", "1");
        settings.put("partitioner", "org.apache.cassandra.dht.Murmur3Partitioner");
        settings.put("endpoint_snitch", "SimpleSnitch");
        // One node only: the loopback address stays the same when a container gets a new address.
        settings.put("listen_address", "127.0.0.1");
        settings.put("storage_port", String.valueOf(options.storagePort()));
        settings.put("rpc_address", options.rpcAddress());
        settings.put("broadcast_rpc_address", options.broadcastAddress());
        settings.put("native_transport_port", String.valueOf(options.cqlPort()));
        settings.put("seed_provider", "[{class_name: org.apache.cassandra.locator.SimpleSeedProvider, parameters: "
                + "[{seeds: '127.0.0.1:" + options.storagePort() + "'}]}]");
        settings.put("authenticator", options.authenticator());
        settings.put("authorizer", options.authorizer());
        settings.put("role_manager", "CassandraRoleManager");
        for (String cache : List.of("roles", "permissions", "credentials")) {
            // A grant or a new password counts after this time; ScyllaDB's own default is longer.
            settings.put(cache + "_validity", "500ms");
        }
        if (options.tlsFile() != null) {
            settings.put("client_encryption_options", encryption(options));
        }
        putDirectories(settings, options.workdir());
        // Written to the page cache before each answer (see CdcQueryHandler), to the disk every ten seconds.
        settings.put("commitlog_sync", "periodic");
        settings.put("commitlog_sync_period", "10000ms");
        settings.put("commitlog_segment_size", "16MiB");
        settings.put("commitlog_total_space", "256MiB");
        settings.put("disk_failure_policy", "die");
        settings.put("commit_failure_policy", "die");
        settings.put("auto_snapshot", "false");
        settings.put("hinted_handoff_enabled", "false");
        settings.put("concurrent_reads", "8");
        settings.put("concurrent_writes", "8");
        // Few and large flushes, so that little is left to compact.
        settings.put("memtable", "{configurations: {default: {class_name: TrieMemtable}}}");
        settings.put("memtable_allocation_type", "offheap_objects");
        settings.put("memtable_heap_space", "128MiB");
        settings.put("memtable_offheap_space", "256MiB");
        settings.put("memtable_cleanup_threshold", "0.6");
        settings.put("file_cache_size", "32MiB");
        settings.put("column_index_size", "4KiB");
        return settings.entrySet().stream()
                .map(setting -> setting.getKey() + ": " + setting.getValue())
                .collect(Collectors.joining("\n", "", "\n"));
    }

    /** Nobody gets in without TLS. */
    private static String encryption(ServerOptions options) {
        String authorities = options.tlsAuthorities() == null ? "" : ", truststore: '" + options.tlsAuthorities() + "'";
        return "{enabled: true, optional: false, require_client_auth: false, "
                + "ssl_context_factory: {class_name: org.apache.cassandra.security.PEMBasedSslContextFactory}, "
                + "keystore: '" + options.tlsFile() + "'" + authorities + "}";
    }

    private static void putDirectories(Map<String, String> settings, Path workdir) {
        settings.put("data_file_directories", "['" + workdir.resolve("data") + "']");
        settings.put("commitlog_directory", "'" + workdir.resolve("commitlog") + "'");
        settings.put("hints_directory", "'" + workdir.resolve("hints") + "'");
        settings.put("saved_caches_directory", "'" + workdir.resolve("saved_caches") + "'");
        settings.put("cdc_raw_directory", "'" + workdir.resolve("cdc_raw") + "'");
    }
}
