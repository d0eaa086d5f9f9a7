package cdc.standin.source;

import com.scylladb.cdc.model.TaskId;
import com.scylladb.cdc.model.worker.TaskState;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;

/** Debezium's heartbeat record: it moves the offset on while a table does not change. */
final class Heartbeat {
    private static final Schema KEY = SchemaBuilder.struct().name("io.debezium.connector.common.ServerNameKey")
            .field("serverName", Schema.STRING_SCHEMA).build();
    private static final Schema VALUE = SchemaBuilder.struct().name("io.debezium.connector.common.Heartbeat")
            .field("ts_ms", Schema.INT64_SCHEMA).build();

    private Heartbeat() {
    }

    static SourceRecord record(SourceConfig config, TaskId id, TaskState state) {
        String topic = config.getString(SourceConfig.HEARTBEAT_PREFIX) + "." + config.topicPrefix();
        return new SourceRecord(SourceOffset.partition(id), SourceOffset.format(state), topic, 0,
                KEY, new Struct(KEY).put("serverName", config.topicPrefix()),
                VALUE, new Struct(VALUE).put("ts_ms", System.currentTimeMillis()));
    }
}
