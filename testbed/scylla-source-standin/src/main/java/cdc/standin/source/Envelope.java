package cdc.standin.source;

import com.scylladb.cdc.model.TableName;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;

/** The parts of Debezium's envelope that do not depend on the table. */
final class Envelope {
    static final String VERSION = "2.0.3-standin";

    private static final Schema SNAPSHOT = SchemaBuilder.string().name("io.debezium.data.Enum").version(1)
            .parameter("allowed", "true,first,first_in_data_collection,last_in_data_collection,last,false,incremental")
            .defaultValue("false").optional().build();
    private static final Schema TRANSACTION = SchemaBuilder.struct().name("event.block").version(1).optional()
            .field("id", Schema.STRING_SCHEMA)
            .field("total_order", Schema.INT64_SCHEMA)
            .field("data_collection_order", Schema.INT64_SCHEMA)
            .build();
    private static final Schema SOURCE = SchemaBuilder.struct().name("com.scylladb.cdc.debezium.connector")
            .field("version", Schema.STRING_SCHEMA)
            .field("connector", Schema.STRING_SCHEMA)
            .field("name", Schema.STRING_SCHEMA)
            .field("ts_ms", Schema.INT64_SCHEMA)
            .field("snapshot", SNAPSHOT)
            .field("db", Schema.STRING_SCHEMA)
            .field("sequence", Schema.OPTIONAL_STRING_SCHEMA)
            .field("ts_us", Schema.OPTIONAL_INT64_SCHEMA)
            .field("ts_ns", Schema.OPTIONAL_INT64_SCHEMA)
            .field("keyspace_name", Schema.STRING_SCHEMA)
            .field("table_name", Schema.STRING_SCHEMA)
            .build();

    private Envelope() {
    }

    static Schema schema(String name, Schema before, Schema after) {
        return SchemaBuilder.struct().name(name)
                .field("source", SOURCE)
                .field("before", before)
                .field("after", after)
                .field("op", Schema.OPTIONAL_STRING_SCHEMA)
                .field("ts_ms", Schema.OPTIONAL_INT64_SCHEMA)
                .field("transaction", TRANSACTION)
                .field("ts_us", Schema.OPTIONAL_INT64_SCHEMA)
                .field("ts_ns", Schema.OPTIONAL_INT64_SCHEMA)
                .build();
    }

    /** Where and when a change was made; microseconds and nanoseconds are only multiples of the milliseconds. */
    static Struct source(String topicPrefix, TableName table, long changeMs) {
        return new Struct(SOURCE)
                .put("version", VERSION)
                .put("connector", "scylla")
                .put("name", topicPrefix)
                .put("ts_ms", changeMs)
                .put("snapshot", "false")
                .put("db", table.keyspace)
                .put("ts_us", changeMs * 1_000)
                .put("ts_ns", changeMs * 1_000_000)
                .put("keyspace_name", table.keyspace)
                .put("table_name", table.name);
    }
}
