package cdc.connect;

import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.transforms.Transformation;

/**
 * Makes the change envelopes of ScyllaDB's connector fit Debezium's JDBC sink.
 *
 * <ul>
 * <li>A tombstone is dropped: the delete before it says the same.
 * <li>A delete without a before-image gets one that holds the key; Debezium's sink fails on null and null.
 * <li>The source block names the target schema and table, for
 *     {@code collection.name.format=${source.keyspace_name}.${source.table_name}}.
 * <li>Columns that the sink cannot bind (maps, structs, arrays of anything but plain strings, numbers and booleans)
 *     become JSON text.
 * </ul>
 *
 * <p>Property {@code tables}: comma-separated {@code keyspace.table=schema.table}. A record of another table is a
 * {@link DataException}. Primary key columns stay as they are, so they must be of bindable types.
 */
public class FitToJdbc<R extends ConnectRecord<R>> implements Transformation<R> {

    static final String TABLES = "tables";

    private static final ConfigDef CONFIG = new ConfigDef().define(TABLES, ConfigDef.Type.LIST,
            ConfigDef.NO_DEFAULT_VALUE, ConfigDef.Importance.HIGH, "Source and target tables: keyspace.table=schema.table,...");
    static final int MOST_CACHED_SCHEMAS = 200;

    private final Map<String, Table> targets = new HashMap<>();
    /** By identity: converters hand out one object per schema id, and comparing whole schemas costs more than it saves. */
    private final Map<Schema, Schema> fittedEnvelopes = new IdentityHashMap<>();

    private record Table(String schema, String name) {

        static Table parse(String pair, String qualified) {
            String[] parts = qualified.strip().split("\\.");
            if (parts.length != 2 || parts[0].isEmpty() || parts[1].isEmpty()) {
                throw new ConfigException(TABLES, pair, "must read keyspace.table=schema.table");
            }
            return new Table(parts[0], parts[1]);
        }
    }

    @Override
    public void configure(Map<String, ?> properties) {
        List<?> pairs = (List<?>) CONFIG.parse(properties).get(TABLES);
        targets.clear();
        for (Object each : pairs) {
            String pair = (String) each;
            String[] sides = pair.split("=");
            if (sides.length != 2) {
                throw new ConfigException(TABLES, pair, "must read keyspace.table=schema.table");
            }
            Table source = Table.parse(pair, sides[0]);
            targets.put(source.schema + "." + source.name, Table.parse(pair, sides[1]));
        }
        if (targets.isEmpty()) {
            throw new ConfigException(TABLES, "", "must name at least one keyspace.table=schema.table");
        }
    }

    @Override
    public R apply(R record) {
        if (record.value() == null) {
            return null;
        }
        if (!(record.value() instanceof Struct envelope) || envelope.schema().field("source") == null
                || envelope.getStruct("source") == null) {
            throw new DataException("Record of topic '" + record.topic() + "' is not a change envelope with a source block;"
                    + " take the topic out of the sink's 'topics'");
        }
        Schema fitted = fittedEnvelope(envelope.schema());
        Struct value = new Struct(fitted);
        for (Field field : fitted.fields()) {
            Object part = envelope.getWithoutDefault(field.name());
            value.put(field, isRow(field) ? JsonColumns.fit((Struct) part, field.schema()) : part);
        }
        value.put("source", retarget(record.topic(), envelope.getStruct("source")));
        if ("d".equals(envelope.get("op")) && value.get("before") == null) {
            value.put("before", keyAsRow(record, fitted.field("before").schema()));
        }
        return record.newRecord(record.topic(), record.kafkaPartition(), record.keySchema(), record.key(), fitted, value,
                record.timestamp());
    }

    @Override
    public ConfigDef config() {
        return CONFIG;
    }

    @Override
    public void close() {
        fittedEnvelopes.clear();
    }

    int cachedSchemas() {
        return fittedEnvelopes.size();
    }

    private Struct retarget(String topic, Struct source) {
        String table = source.getString("keyspace_name") + "." + source.getString("table_name");
        Table target = targets.get(table);
        if (target == null) {
            throw new DataException("Record of topic '" + topic + "' comes from table '" + table + "', which property '"
                    + TABLES + "' of the transform does not name (it names " + new TreeSet<>(targets.keySet()) + ")");
        }
        Struct copy = new Struct(source.schema());
        source.schema().fields().forEach(field -> copy.put(field, source.getWithoutDefault(field.name())));
        return copy.put("keyspace_name", target.schema).put("table_name", target.name);
    }

    private Struct keyAsRow(R record, Schema row) {
        if (!(record.key() instanceof Struct key)) {
            throw new DataException("A delete in topic '" + record.topic() + "' has no structured key to delete by");
        }
        Struct before = new Struct(row);
        key.schema().fields().stream().filter(field -> row.field(field.name()) != null)
                .forEach(field -> before.put(field.name(), key.get(field)));
        return before;
    }

    private Schema fittedEnvelope(Schema envelope) {
        if (fittedEnvelopes.size() >= MOST_CACHED_SCHEMAS) {
            fittedEnvelopes.clear();
        }
        return fittedEnvelopes.computeIfAbsent(envelope, FitToJdbc::fitEnvelope);
    }

    private static Schema fitEnvelope(Schema envelope) {
        SchemaBuilder fitted = JsonColumns.emptyCopy(envelope);
        envelope.fields().forEach(field -> fitted.field(field.name(), isRow(field) ? JsonColumns.fit(field.schema()) : field.schema()));
        return fitted.build();
    }

    private static boolean isRow(Field field) {
        return field.schema().type() == Schema.Type.STRUCT && (field.name().equals("before") || field.name().equals("after"));
    }
}
