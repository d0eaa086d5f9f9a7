package cdc.connect;

import java.util.Comparator;
import java.util.stream.Collectors;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Struct;

/**
 * What tells one change of one row from all others.
 *
 * @param table       {@code keyspace.table} of the source
 * @param key         the primary key's columns by name, as {@code bucket=7, id=a}
 * @param operation   {@code c}, {@code u} or {@code d}
 * @param timestampUs when the change was written, by the source's clock; microseconds since 1970
 */
record Change(String table, String key, String operation, long timestampUs) {

    private static final long US_PER_MS = 1_000;

    /** Whether a record is the change of a row, and not for example a heartbeat. */
    static boolean isOne(ConnectRecord<?> record) {
        return record.key() instanceof Struct && record.value() instanceof Struct envelope
                && optional(envelope, "source") instanceof Struct source && optional(source, "table_name") != null;
    }

    static Change of(ConnectRecord<?> record) {
        Struct envelope = (Struct) record.value();
        Struct source = envelope.getStruct("source");
        return new Change(source.get("keyspace_name") + "." + source.get("table_name"), text((Struct) record.key()),
                String.valueOf(optional(envelope, "op")), timestampUs(source));
    }

    /** The correlation id, the same in every part of the pipeline. */
    String id() {
        return table + " " + key + " @" + timestampUs;
    }

    private static String text(Struct key) {
        return key.schema().fields().stream().sorted(Comparator.comparing(Field::name))
                .map(column -> column.name() + "=" + JsonColumns.keyText(column.schema(), key.get(column)))
                .collect(Collectors.joining(", "));
    }

    private static long timestampUs(Struct source) {
        if (optional(source, "ts_us") instanceof Long us) {
            return us;
        }
        return optional(source, "ts_ms") instanceof Long ms ? ms * US_PER_MS : 0;
    }

    private static Object optional(Struct struct, String field) {
        return struct.schema().field(field) == null ? null : struct.get(field);
    }
}
