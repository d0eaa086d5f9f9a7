package cdc.standin.source;

import com.scylladb.cdc.cql.CQLConfiguration;
import com.scylladb.cdc.cql.CQLConfiguration.ConsistencyLevel;
import com.scylladb.cdc.cql.SslConfig;
import com.scylladb.cdc.model.TableName;
import java.net.InetSocketAddress;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Range;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigDef.ValidString;

/** The connector's properties, under the names and with the defaults of ScyllaDB's connector. */
public final class SourceConfig extends AbstractConfig {
    public static final String TOPIC_PREFIX = "topic.prefix";
    public static final String CONTACT_POINTS = "scylla.cluster.ip.addresses";
    public static final String TABLE_NAMES = "scylla.table.names";
    public static final String USER = "scylla.user";
    public static final String PASSWORD = "scylla.password";
    public static final String LOCAL_DC = "scylla.local.dc";
    public static final String CONSISTENCY_LEVEL = "scylla.consistency.level";
    public static final String SSL_ENABLED = "scylla.ssl.enabled";
    public static final String SSL_TRUSTSTORE = "scylla.ssl.truststore.path";
    public static final String SSL_TRUSTSTORE_PASSWORD = "scylla.ssl.truststore.password";
    public static final String WINDOW_MS = "scylla.query.time.window.size";
    public static final String CONFIDENCE_MS = "scylla.confidence.window.size";
    public static final String MINIMAL_WAIT_MS = "scylla.minimal.wait.for.window.time";
    public static final String INITIAL_LOOKBACK_MS = "scylla.initial.lookback.ms";
    public static final String FETCH_SIZE = "scylla.query.options.fetch.size";
    public static final String OUTPUT_FORMAT = "cdc.output.format";
    public static final String PREIMAGES_ENABLED = "experimental.preimages.enabled";
    public static final String INCLUDE_BEFORE = "cdc.include.before";
    public static final String INCLUDE_AFTER = "cdc.include.after";
    public static final String KEY_PLACEMENT = "cdc.include.primary-key.placement";
    public static final String HEARTBEAT_INTERVAL_MS = "heartbeat.interval.ms";
    public static final String HEARTBEAT_PREFIX = "topic.heartbeat.prefix";
    public static final String RETRY_BACKOFF_BASE_MS = "worker.retry.backoff.base";
    public static final String MAXIMUM_BACKOFF_MS = "worker.maximum.backoff";
    public static final String JITTER_PERCENTAGE = "worker.jitter.percentage";
    public static final String TOMBSTONES_ON_DELETE = "tombstones.on.delete";
    public static final String MAX_QUEUE_SIZE = "max.queue.size";
    public static final String MAX_BATCH_SIZE = "max.batch.size";
    public static final String POLL_INTERVAL_MS = "poll.interval.ms";
    /** What one task has to read; set by the connector for its tasks. */
    public static final String ASSIGNMENT = "scylla.worker.config";

    public static final ConfigDef DEFINITION = definition();

    public SourceConfig(Map<String, String> properties) {
        super(DEFINITION, properties, false);
    }

    public String topicPrefix() {
        return getString(TOPIC_PREFIX);
    }

    public Set<TableName> tables() {
        Set<TableName> tables = new LinkedHashSet<>();
        for (String name : getList(TABLE_NAMES)) {
            int dot = name.indexOf('.');
            tables.add(new TableName(name.substring(0, dot), name.substring(dot + 1)));
        }
        return tables;
    }

    public boolean includesAfter() {
        return getString(INCLUDE_AFTER).equals("full");
    }

    /** What the driver needs to reach the cluster. */
    CQLConfiguration connection() {
        CQLConfiguration.Builder connection = CQLConfiguration.builder()
                .withConsistencyLevel(ConsistencyLevel.valueOf(getString(CONSISTENCY_LEVEL)))
                .withQueryOptionsFetchSize(getInt(FETCH_SIZE))
                .withCorePoolLocal(getInt("worker.pooling.core.pool.local"))
                .withMaxPoolLocal(getInt("worker.pooling.max.pool.local"))
                .withPoolingMaxQueueSize(getInt("worker.pooling.max.queue.size"))
                .withPoolingMaxRequestsPerConnectionLocal(getInt("worker.pooling.max.requests.per.connection"))
                .withPoolTimeoutMillis(getInt("worker.pooling.pool.timeout.ms"));
        for (String address : getList(CONTACT_POINTS)) {
            int colon = address.lastIndexOf(':');
            connection.addContactPoint(new InetSocketAddress(
                    address.substring(0, colon), Integer.parseInt(address.substring(colon + 1))));
        }
        if (getString(USER) != null) {
            connection.withCredentials(getString(USER), getPassword(PASSWORD).value());
        }
        if (getString(LOCAL_DC) != null) {
            connection.withLocalDCName(getString(LOCAL_DC));
        }
        if (getBoolean(SSL_ENABLED)) {
            connection.withSslConfig(encryption());
        }
        return connection.build();
    }

    /** Without a trust store, nodes are verified by what the JVM trusts. */
    private SslConfig encryption() {
        SslConfig.Builder encryption = new SslConfig.Builder().withSslProviderString("JDK");
        if (getString(SSL_TRUSTSTORE) != null) {
            encryption.withTrustStorePath(getString(SSL_TRUSTSTORE));
            encryption.withTrustStorePassword(getString(SSL_TRUSTSTORE_PASSWORD));
        }
        return encryption.build();
    }

    private static ConfigDef definition() {
        ConfigDef config = new ConfigDef();
        defineConnection(config);
        defineReading(config);
        defineFormat(config);
        defineRetries(config);
        defineDelivery(config);
        return config;
    }

    private static void defineConnection(ConfigDef config) {
        Object required = ConfigDef.NO_DEFAULT_VALUE;
        config.define(TOPIC_PREFIX, Type.STRING, required, new ConfigDef.NonEmptyString(), Importance.HIGH,
                "Prefix of all topics and schema names.");
        config.define(CONTACT_POINTS, Type.LIST, required, FieldFormats.CONTACT_POINTS, Importance.HIGH,
                "Comma-separated host:port pairs; the port is mandatory.");
        config.define(TABLE_NAMES, Type.LIST, required, FieldFormats.TABLE_NAMES, Importance.HIGH,
                "Comma-separated keyspace.table names.");
        config.define(USER, Type.STRING, null, Importance.HIGH, "User name; not set means no authentication.");
        config.define(PASSWORD, Type.PASSWORD, null, Importance.HIGH, "Password of the user.");
        config.define(LOCAL_DC, Type.STRING, null, Importance.LOW, "Data centre to prefer.");
        config.define(CONSISTENCY_LEVEL, Type.STRING, "QUORUM",
                ValidString.in("ONE", "TWO", "THREE", "QUORUM", "ALL", "LOCAL_QUORUM", "LOCAL_ONE"),
                Importance.MEDIUM, "Consistency level of reads of the CDC log.");
        config.define(SSL_ENABLED, Type.BOOLEAN, false, Importance.HIGH, "Whether nodes are reached by TLS.");
        config.define(SSL_TRUSTSTORE, Type.STRING, null, Importance.LOW, "Authorities; not set: those of the JVM.");
        config.define(SSL_TRUSTSTORE_PASSWORD, Type.STRING, null, Importance.LOW, "Password of that file.");
        for (String name : List.of("provider", "keystore.path", "keystore.password", "cipherSuites",
                "openssl.keyCertChain", "openssl.privateKey")) {
            config.define("scylla.ssl." + name, Type.STRING, null, Importance.LOW, "Without effect in the stand-in.");
        }
    }

    private static void defineReading(ConfigDef config) {
        config.define(WINDOW_MS, Type.INT, 30_000, Range.atLeast(1), Importance.LOW,
                "Length of the time window that one query reads, in milliseconds.");
        config.define(CONFIDENCE_MS, Type.INT, 30_000, Range.atLeast(0), Importance.LOW,
                "Age that a window must have before it is read, in milliseconds; a write that reaches the log later "
                        + "than this is lost.");
        config.define(MINIMAL_WAIT_MS, Type.INT, 0, Range.atLeast(0), Importance.LOW,
                "Least pause between two windows, in milliseconds.");
        config.define(INITIAL_LOOKBACK_MS, Type.LONG, 0L, Range.atLeast(0), Importance.LOW,
                "How far back to start without offsets, in milliseconds; 0 means as far as the log goes.");
        config.define(FETCH_SIZE, Type.INT, 0, Range.atLeast(0), Importance.LOW,
                "Rows in one page; 0 means the driver's default.");
    }

    private static void defineFormat(ConfigDef config) {
        config.define(OUTPUT_FORMAT, Type.STRING, "legacy", ValidString.in("legacy", "advanced"), Importance.HIGH,
                "The stand-in supports advanced only.");
        config.define(PREIMAGES_ENABLED, Type.BOOLEAN, false, Importance.LOW, "The stand-in supports false only.");
        ValidString modes = ValidString.in("none", "full", "only-updated");
        config.define(INCLUDE_BEFORE, Type.STRING, "none", modes, Importance.MEDIUM,
                "The stand-in supports none only.");
        config.define(INCLUDE_AFTER, Type.STRING, "none", modes, Importance.MEDIUM,
                "full fills 'after' from the post-image; the stand-in does not support only-updated.");
        config.define(KEY_PLACEMENT, Type.LIST, List.of(), Importance.MEDIUM,
                "Where the primary key goes; the stand-in supports kafka-key,payload-after,payload-before only.");
        config.define("cdc.include.primary-key.payload-key-name", Type.STRING, "key", Importance.LOW,
                "Without effect in the stand-in.");
        config.define("cdc.incomplete.task.timeout.ms", Type.INT, 15_000, Importance.LOW,
                "Without effect in the stand-in: images are read together with their change.");
    }

    private static void defineRetries(ConfigDef config) {
        config.define(RETRY_BACKOFF_BASE_MS, Type.INT, 50, Range.atLeast(1), Importance.LOW,
                "First pause after a failed read, in milliseconds; doubles with each further failure.");
        config.define(MAXIMUM_BACKOFF_MS, Type.INT, 30_000, Range.atLeast(1), Importance.LOW,
                "Longest pause after a failed read, in milliseconds.");
        config.define(JITTER_PERCENTAGE, Type.INT, 20, Range.between(0, 100), Importance.LOW,
                "Random part of the pause, in percent.");
        config.define("worker.max.retries", Type.INT, 20, Importance.LOW, "Without effect: the stand-in never gives up.");
        config.define("worker.shared.session.enabled", Type.BOOLEAN, false, Importance.LOW,
                "Without effect in the stand-in.");
        config.define("worker.pooling.core.pool.local", Type.INT, 1, Importance.LOW, "Connections to keep open.");
        config.define("worker.pooling.max.pool.local", Type.INT, 1, Importance.LOW, "Connections at most.");
        config.define("worker.pooling.max.queue.size", Type.INT, 256, Importance.LOW, "Requests that may wait.");
        config.define("worker.pooling.max.requests.per.connection", Type.INT, 256, Importance.LOW,
                "Requests in flight on one connection.");
        config.define("worker.pooling.pool.timeout.ms", Type.INT, 5_000, Importance.LOW,
                "How long a request may wait for a connection, in milliseconds.");
    }

    private static void defineDelivery(ConfigDef config) {
        config.define(HEARTBEAT_INTERVAL_MS, Type.INT, 30_000, Range.atLeast(1), Importance.MEDIUM,
                "Time between heartbeats, in milliseconds; without changes, offsets advance with heartbeats only.");
        config.define(HEARTBEAT_PREFIX, Type.STRING, "__debezium-heartbeat", Importance.LOW,
                "Prefix of the heartbeat topic.");
        config.define(TOMBSTONES_ON_DELETE, Type.BOOLEAN, true, Importance.MEDIUM,
                "Whether a delete is followed by a record with the key and no value.");
        config.define(MAX_QUEUE_SIZE, Type.INT, 8192, Range.atLeast(1), Importance.MEDIUM,
                "Records read ahead of Kafka Connect, at most.");
        config.define(MAX_BATCH_SIZE, Type.INT, 2048, Range.atLeast(1), Importance.MEDIUM,
                "Records handed to Kafka Connect at a time, at most.");
        config.define(POLL_INTERVAL_MS, Type.LONG, 500L, Range.atLeast(1), Importance.LOW,
                "How long to wait for records before control goes back to Kafka Connect, in milliseconds.");
        for (String name : PropertyNames.WITHOUT_EFFECT) {
            config.define(name, Type.STRING, null, Importance.LOW, "Without effect in the stand-in.");
        }
        config.defineInternal(ASSIGNMENT, Type.STRING, "", Importance.LOW);
    }
}
