package cdc.standin.source;

import com.scylladb.cdc.model.worker.ChangeSchema.CqlType;
import com.scylladb.cdc.model.worker.ChangeSchema.DataType;
import com.scylladb.cdc.model.worker.cql.CqlDate;
import com.scylladb.cdc.model.worker.cql.Field;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Timestamp;

/**
 * How a CQL type looks in Kafka Connect.
 *
 * @param schema    always optional
 * @param converter turns a value that is not null
 */
record ColumnType(Schema schema, Function<Field, Object> converter) {

    /**
     * Maps a type.
     *
     * @param log  the type in the CDC log
     * @param base the type in the base table; it differs for lists that are not frozen
     * @param name full name for a nested structure, unique in the table
     */
    static ColumnType of(DataType log, DataType base, String name) {
        if (base.getCqlType() == CqlType.LIST && log.getCqlType() == CqlType.MAP) {
            ColumnType element = of(log.getTypeArguments().get(1), name);
            return array(element, field -> field.getMap().values());
        }
        return of(log, name);
    }

    private static ColumnType of(DataType type, String name) {
        return switch (type.getCqlType()) {
            case ASCII, TEXT, VARCHAR -> plain(Schema.OPTIONAL_STRING_SCHEMA);
            case BOOLEAN -> plain(Schema.OPTIONAL_BOOLEAN_SCHEMA);
            case TINYINT -> plain(Schema.OPTIONAL_INT8_SCHEMA);
            case SMALLINT -> plain(Schema.OPTIONAL_INT16_SCHEMA);
            case INT -> plain(Schema.OPTIONAL_INT32_SCHEMA);
            // A CQL time has nanoseconds, which Connect's Time cannot hold.
            case BIGINT, COUNTER, TIME -> plain(Schema.OPTIONAL_INT64_SCHEMA);
            case FLOAT -> plain(Schema.OPTIONAL_FLOAT32_SCHEMA);
            case DOUBLE -> plain(Schema.OPTIONAL_FLOAT64_SCHEMA);
            case BLOB -> plain(Schema.OPTIONAL_BYTES_SCHEMA);
            case DECIMAL, VARINT, UUID, TIMEUUID, DURATION -> text(field -> field.getAsObject().toString());
            case INET -> text(field -> field.getInet().getHostAddress());
            case DATE -> new ColumnType(Date.builder().optional().build(), field -> date(field.getDate()));
            case TIMESTAMP -> plain(Timestamp.builder().optional().build());
            case LIST -> array(of(type.getTypeArguments().get(0), name), Field::getList);
            case SET -> array(of(type.getTypeArguments().get(0), name), Field::getSet);
            case MAP -> map(type, name);
            case TUPLE -> tuple(type, name);
            case UDT -> userType(type, name);
        };
    }

    /** The value of a field, or null. */
    Object convert(Field field) {
        return field == null || field.isNull() ? null : converter.apply(field);
    }

    private static ColumnType plain(Schema schema) {
        return new ColumnType(schema, Field::getAsObject);
    }

    private static ColumnType text(Function<Field, Object> converter) {
        return new ColumnType(Schema.OPTIONAL_STRING_SCHEMA, converter);
    }

    private static java.util.Date date(CqlDate date) {
        LocalDate day = LocalDate.of(date.getYear(), date.getMonth(), date.getDay());
        return java.util.Date.from(day.atStartOfDay(ZoneOffset.UTC).toInstant());
    }

    private static ColumnType array(ColumnType element, Function<Field, Collection<Field>> elements) {
        Schema schema = SchemaBuilder.array(element.schema()).optional().build();
        return new ColumnType(schema, field -> {
            List<Object> values = new ArrayList<>();
            elements.apply(field).forEach(value -> values.add(element.convert(value)));
            return values;
        });
    }

    private static ColumnType map(DataType type, String name) {
        ColumnType key = of(type.getTypeArguments().get(0), name + ".Key");
        ColumnType value = of(type.getTypeArguments().get(1), name + ".Value");
        Schema entry = SchemaBuilder.struct().name(name + ".MapEntry").optional()
                .field("key", key.schema())
                .field("value", value.schema())
                .build();
        return new ColumnType(SchemaBuilder.array(entry).optional().build(), field -> {
            List<Object> entries = new ArrayList<>();
            field.getMap().forEach((entryKey, entryValue) -> entries.add(new Struct(entry)
                    .put("key", key.convert(entryKey))
                    .put("value", value.convert(entryValue))));
            return entries;
        });
    }

    private static ColumnType tuple(DataType type, String name) {
        SchemaBuilder schema = SchemaBuilder.struct().name(name + ".Tuple").optional();
        List<ColumnType> parts = new ArrayList<>();
        for (DataType argument : type.getTypeArguments()) {
            ColumnType part = of(argument, name + ".Field" + parts.size());
            schema.field("field_" + parts.size(), part.schema());
            parts.add(part);
        }
        Schema built = schema.build();
        return new ColumnType(built, field -> {
            Struct struct = new Struct(built);
            List<Field> values = field.getTuple();
            for (int i = 0; i < values.size(); i++) {
                struct.put("field_" + i, parts.get(i).convert(values.get(i)));
            }
            return struct;
        });
    }

    private static ColumnType userType(DataType type, String name) {
        SchemaBuilder schema = SchemaBuilder.struct().name(name + ".UDT").optional();
        Map<String, ColumnType> parts = new LinkedHashMap<>();
        type.getUdtType().getFields().forEach((fieldName, fieldType) -> {
            ColumnType part = of(fieldType, name + "." + SchemaNames.valid(fieldName));
            schema.field(fieldName, part.schema());
            parts.put(fieldName, part);
        });
        Schema built = schema.build();
        return new ColumnType(built, field -> {
            Map<String, Field> values = field.getUDT();
            Struct struct = new Struct(built);
            boolean anyValue = false;
            for (Map.Entry<String, ColumnType> part : parts.entrySet()) {
                Object value = part.getValue().convert(values.get(part.getKey()));
                anyValue |= value != null;
                struct.put(part.getKey(), value);
            }
            // ScyllaDB logs a user type without values in the same way as one that is null.
            return anyValue ? struct : null;
        });
    }
}
