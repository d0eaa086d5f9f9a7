package cdc.connect;

import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * A column cannot take what its source sends: the source got another type. That is no fault of one record, so the task
 * has to stop instead of sending every row to the dead letter queue, and PostgreSQL does not say which column it is.
 *
 * <p>Only types that the type map makes are judged; what somebody else has made of a column is left to PostgreSQL.
 */
public class ColumnMisfitException extends ConnectException {

    private static final long serialVersionUID = 1;

    private static final Set<String> NUMBERS = Set.of("int2", "int4", "int8", "float4", "float8", "numeric");
    private static final Set<String> TIMES = Set.of("date", "timestamp", "timestamptz");
    /** Text is sent without a type and read by these. */
    private static final Set<String> READ_FROM_TEXT = Set.of("uuid", "numeric", "inet", "jsonb");
    private static final Set<String> OTHERS = Set.of("bool", "bytea", "uuid", "inet", "jsonb");

    private ColumnMisfitException(String message) {
        super(message);
    }

    /** Throws when the record's schema has such a column. */
    static void check(SinkRecord record, Database database) {
        Optional<Target> target = Target.of(record);
        if (target.isEmpty() || !(record.value() instanceof Struct envelope) || envelope.schema().field("after") == null) {
            return;
        }
        Map<String, String> types = database.columnTypes(target.get());
        for (Field column : envelope.schema().field("after").schema().fields()) {
            String type = types.getOrDefault(column.name(), "");
            if (!fits(column.schema(), type)) {
                throw new ColumnMisfitException("Column " + column.name() + " of " + target.get() + " has type " + type
                        + ", but its values arrive as " + words(column.schema()) + " since the type of its source changed."
                        + " Migrate the column as docs/schema-evolution.md says and restart the connector; it goes on from here"
                        + " and nothing is lost");
            }
        }
    }

    private static boolean fits(Schema values, String type) {
        boolean isKnown = NUMBERS.contains(type) || TIMES.contains(type) || OTHERS.contains(type) || type.startsWith("_");
        return !isKnown || switch (words(values)) {
            case "text" -> READ_FROM_TEXT.contains(type);
            case "times" -> TIMES.contains(type);
            case "numbers" -> NUMBERS.contains(type);
            case "booleans" -> type.equals("bool");
            case "bytes" -> type.equals("bytea");
            default -> type.startsWith("_");
        };
    }

    private static String words(Schema values) {
        if (Date.LOGICAL_NAME.equals(values.name()) || Timestamp.LOGICAL_NAME.equals(values.name())) {
            return "times";
        }
        return switch (values.type()) {
            case STRING -> "text";
            case BOOLEAN -> "booleans";
            case BYTES -> "bytes";
            case INT8, INT16, INT32, INT64, FLOAT32, FLOAT64 -> "numbers";
            default -> "arrays";
        };
    }
}
