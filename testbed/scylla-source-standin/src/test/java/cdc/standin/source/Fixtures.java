package cdc.standin.source;

import com.scylladb.cdc.model.GenerationId;
import com.scylladb.cdc.model.TableName;
import com.scylladb.cdc.model.TaskId;
import com.scylladb.cdc.model.Timestamp;
import com.scylladb.cdc.model.VNodeId;
import java.util.Date;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** A valid configuration and the part of the work that the tests read. */
final class Fixtures {
    static final long GENERATION_MS = 1_700_000_000_000L;
    static final int WINDOW_MS = 1_000;
    static final TaskId TASK = new TaskId(new GenerationId(new Timestamp(new Date(GENERATION_MS))), new VNodeId(0),
            new TableName("shop", "users"));

    private Fixtures() {
    }

    static Map<String, String> properties() {
        Map<String, String> properties = new HashMap<>();
        properties.put("name", "scylla-source");
        properties.put("connector.class", "com.scylladb.cdc.debezium.connector.ScyllaConnector");
        properties.put(SourceConfig.TOPIC_PREFIX, "cdc");
        // Nobody listens there: what reaches the cluster fails at once.
        properties.put(SourceConfig.CONTACT_POINTS, "127.0.0.1:1");
        properties.put(SourceConfig.TABLE_NAMES, "shop.users");
        properties.put(SourceConfig.OUTPUT_FORMAT, "advanced");
        properties.put(SourceConfig.INCLUDE_AFTER, "full");
        properties.put(SourceConfig.KEY_PLACEMENT, "kafka-key, payload-after, payload-before");
        properties.put(SourceConfig.WINDOW_MS, String.valueOf(WINDOW_MS));
        properties.put(SourceConfig.HEARTBEAT_INTERVAL_MS, "3600000");
        return properties;
    }

    static SourceConfig config() {
        return new SourceConfig(properties());
    }

    static Assignment assignment() {
        return new Assignment(TASK, new TreeSet<>(Set.of(LogRow.STREAM)));
    }
}
