package cdc.connect;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.EnumSet;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Schema.Type;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.errors.DataException;

/**
 * Rows whose nested columns are JSON text, which the sink can bind to a jsonb or text column.
 *
 * <p>A map is an object, with keys as text; a user-defined type or tuple is an object of its fields; blobs are 0x and
 * hexadecimal digits; dates and times are ISO 8601 in UTC.
 */
final class JsonColumns {

    private static final Set<Type> ARRAY_ELEMENTS = EnumSet.of(Type.STRING, Type.INT8, Type.INT16, Type.INT32, Type.INT64,
            Type.FLOAT32, Type.FLOAT64, Type.BOOLEAN);
    private static final ObjectMapper JSON = new ObjectMapper().enable(JsonGenerator.Feature.WRITE_BIGDECIMAL_AS_PLAIN);

    private JsonColumns() {
    }

    /** The row schema with nested columns as optional strings; the same object when there is none. */
    static Schema fit(Schema row) {
        if (row.fields().stream().allMatch(column -> isBindable(column.schema()))) {
            return row;
        }
        SchemaBuilder fitted = emptyCopy(row);
        row.fields().forEach(column -> fitted.field(column.name(),
                isBindable(column.schema()) ? column.schema() : Schema.OPTIONAL_STRING_SCHEMA));
        return fitted.build();
    }

    /** The row with the values that {@link #fit(Schema)} made room for. */
    static Struct fit(Struct row, Schema fitted) {
        if (row == null || row.schema() == fitted) {
            return row;
        }
        Struct copy = new Struct(fitted);
        for (Field column : row.schema().fields()) {
            Object value = row.getWithoutDefault(column.name());
            copy.put(column.name(), value == null || isBindable(column.schema()) ? value : text(column.schema(), value));
        }
        return copy;
    }

    /** A builder for a struct schema with everything of the given one but its fields. */
    static SchemaBuilder emptyCopy(Schema schema) {
        SchemaBuilder copy = SchemaBuilder.struct().name(schema.name()).version(schema.version()).doc(schema.doc());
        if (schema.parameters() != null) {
            copy.parameters(schema.parameters());
        }
        return schema.isOptional() ? copy.optional() : copy;
    }

    private static boolean isBindable(Schema column) {
        return switch (column.type()) {
            case STRUCT, MAP -> false;
            case ARRAY -> column.valueSchema().name() == null && ARRAY_ELEMENTS.contains(column.valueSchema().type());
            default -> true;
        };
    }

    private static String text(Schema schema, Object value) {
        try {
            return JSON.writeValueAsString(plain(schema, value));
        }
        catch (JsonProcessingException e) {
            throw new DataException("Cannot write a " + schema.type() + " column as JSON");
        }
    }

    /** The value as maps, lists, strings, numbers and booleans. */
    private static Object plain(Schema schema, Object value) {
        if (value instanceof Struct struct) {
            Map<String, Object> object = new LinkedHashMap<>();
            schema.fields().forEach(field -> object.put(field.name(), plain(field.schema(), struct.getWithoutDefault(field.name()))));
            return object;
        }
        if (value instanceof Map<?, ?> map) {
            Map<String, Object> object = new LinkedHashMap<>();
            map.forEach((key, item) -> object.put(keyText(schema.keySchema(), key), plain(schema.valueSchema(), item)));
            return object;
        }
        if (value instanceof Collection<?> items) {
            return isMapEntry(schema.valueSchema()) ? object(schema.valueSchema(), items) : list(schema.valueSchema(), items);
        }
        if (value instanceof java.util.Date date) {
            OffsetDateTime utc = date.toInstant().atOffset(ZoneOffset.UTC);
            return switch (schema.name()) {
                case Date.LOGICAL_NAME -> utc.toLocalDate().toString();
                case Time.LOGICAL_NAME -> utc.toLocalTime().toString();
                default -> date.toInstant().toString();
            };
        }
        if (value instanceof ByteBuffer buffer) {
            byte[] bytes = new byte[buffer.remaining()];
            buffer.duplicate().get(bytes);
            return plain(schema, bytes);
        }
        return value instanceof byte[] bytes ? "0x" + HexFormat.of().formatHex(bytes) : value;
    }

    /** The connector writes a CQL map as an array of entries. A user-defined type may have the same two fields. */
    private static boolean isMapEntry(Schema element) {
        return element.type() == Type.STRUCT && element.fields().size() == 2 && element.field("key") != null
                && element.field("value") != null && (element.name() == null || !element.name().contains("UDT"));
    }

    private static Map<String, Object> object(Schema entrySchema, Collection<?> entries) {
        Map<String, Object> object = new LinkedHashMap<>();
        for (Object entry : entries) {
            Struct pair = (Struct) entry;
            object.put(keyText(entrySchema.field("key").schema(), pair.get("key")),
                    plain(entrySchema.field("value").schema(), pair.get("value")));
        }
        return object;
    }

    private static List<Object> list(Schema elementSchema, Collection<?> items) {
        List<Object> list = new ArrayList<>(items.size());
        items.forEach(item -> list.add(plain(elementSchema, item)));
        return list;
    }

    /** The key of an object, or a column of a primary key, as plain text. */
    static String keyText(Schema schema, Object key) {
        Object plain = plain(schema, key);
        boolean isNested = plain instanceof Map || plain instanceof List;
        return isNested ? text(schema, key) : plain instanceof BigDecimal number ? number.toPlainString() : String.valueOf(plain);
    }
}
