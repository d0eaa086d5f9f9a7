package cdc.connect;

import java.util.Map;
import java.util.Set;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * A column takes no text although its values come as text: its source got another type. That is no fault of one record,
 * so the task has to stop instead of sending every row to the dead letter queue.
 *
 * <p>Other changes of type need no such look, since PostgreSQL itself tells them from bad values: only text is sent
 * without a type, to be read as uuid, numeric, inet or jsonb.
 */
public class ColumnMisfitException extends ConnectException {

    private static final long serialVersionUID = 1;

    private static final Set<String> NO_TEXT = Set.of("bool", "int2", "int4", "int8", "float4", "float8", "bytea", "date",
            "time", "timetz", "timestamp", "timestamptz");

    private ColumnMisfitException(String message) {
        super(message);
    }

    /** Throws when the record's schema has such a column. */
    static void check(SinkRecord record, Database database) {
        if (!(record.value() instanceof Struct envelope) || envelope.schema().field("source") == null
                || envelope.schema().field("after") == null) {
            return;
        }
        Struct source = envelope.getStruct("source");
        String schema = source.getString("keyspace_name");
        String table = source.getString("table_name");
        Map<String, String> types = database.columnTypes(schema, table);
        for (Field column : envelope.schema().field("after").schema().fields()) {
            String type = types.getOrDefault(column.name(), "");
            if (column.schema().type() == Schema.Type.STRING && (NO_TEXT.contains(type) || type.startsWith("_"))) {
                throw new ColumnMisfitException("Column " + column.name() + " of " + schema + "." + table + " has type " + type
                        + ", but its values arrive as text since the type of its source changed. Migrate the column as"
                        + " docs/schema-evolution.md says and restart the connector; it goes on from here and nothing is lost");
            }
        }
    }
}
