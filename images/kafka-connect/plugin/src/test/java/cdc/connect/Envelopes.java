package cdc.connect;

import java.util.List;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.sink.SinkRecord;

/** Change records of table shop.users as ScyllaDB's connector writes them in its advanced format. */
final class Envelopes {

    static final String TOPIC = "cdc.shop.users";
    static final Schema KEY = SchemaBuilder.struct().name("cdc.shop.users.Key").field("id", Schema.OPTIONAL_STRING_SCHEMA).build();
    static final Schema MAP_ENTRY = SchemaBuilder.struct().name("cdc.shop.users.attributes.MapEntry_string_string")
            .field("key", Schema.OPTIONAL_STRING_SCHEMA).field("value", Schema.OPTIONAL_STRING_SCHEMA).build();
    static final Schema BEFORE = row("Before");
    static final Schema AFTER = row("After");
    static final Schema SOURCE = SchemaBuilder.struct().name("com.scylladb.cdc.debezium.connector")
            .field("ts_ms", Schema.INT64_SCHEMA)
            .field("keyspace_name", Schema.STRING_SCHEMA).field("table_name", Schema.STRING_SCHEMA).build();
    static final Schema ENVELOPE = envelope(BEFORE, AFTER);

    private Envelopes() {
    }

    static Schema row(String name) {
        return SchemaBuilder.struct().name("cdc.shop.users." + name).version(3)
                .field("age", Schema.OPTIONAL_INT32_SCHEMA)
                .field("attributes", SchemaBuilder.array(MAP_ENTRY).optional().build())
                .field("created_at", Timestamp.builder().optional().build())
                .field("id", Schema.OPTIONAL_STRING_SCHEMA)
                .field("tags", SchemaBuilder.array(Schema.OPTIONAL_STRING_SCHEMA).optional().build())
                .optional().build();
    }

    static Schema envelope(Schema before, Schema after) {
        return SchemaBuilder.struct().name("cdc.shop.users.Envelope").version(7).field("source", SOURCE)
                .field("before", before).field("after", after).field("op", Schema.OPTIONAL_STRING_SCHEMA)
                .field("ts_ms", Schema.OPTIONAL_INT64_SCHEMA).build();
    }

    static Struct source(String keyspace, String table) {
        return new Struct(SOURCE).put("ts_ms", 1L).put("keyspace_name", keyspace).put("table_name", table);
    }

    static Struct key(String id) {
        return new Struct(KEY).put("id", id);
    }

    static Struct attribute(String key, String value) {
        return new Struct(MAP_ENTRY).put("key", key).put("value", value);
    }

    static SinkRecord upsert(long offset, String id, Integer age, String... tags) {
        Struct after = new Struct(AFTER).put("id", id).put("age", age).put("tags", List.of(tags))
                .put("attributes", List.of(attribute("colour", "red")));
        return record(offset, key(id), new Struct(ENVELOPE).put("source", source("shop", "users")).put("after", after).put("op", "u"));
    }

    static SinkRecord delete(long offset, String id) {
        return record(offset, key(id), new Struct(ENVELOPE).put("source", source("shop", "users")).put("op", "d"));
    }

    static SinkRecord record(long offset, Struct key, Struct value) {
        return new SinkRecord(TOPIC, 0, key == null ? null : key.schema(), key, value == null ? null : value.schema(), value,
                offset, 1_000L, TimestampType.CREATE_TIME);
    }
}
