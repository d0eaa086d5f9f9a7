package cdc.standin.source;

import com.scylladb.cdc.model.TableName;
import com.scylladb.cdc.model.worker.ChangeSchema;
import com.scylladb.cdc.model.worker.ChangeSchema.ColumnDefinition;
import com.scylladb.cdc.model.worker.RawChange;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;

/** Schemas of the key and the envelope of one table, and how log rows become structs of them. */
final class TableSchema {
    private final List<Column> columns = new ArrayList<>();
    private final Schema key;
    private final Schema after;
    private final Schema envelope;
    private final boolean hasClusteringKey;

    private record Column(ColumnDefinition definition, ColumnType type, Field keyField, Field afterField) {

        /** Asks the row whether there is a value: a cell decodes it for that, and a second time to give it away. */
        Object valueIn(RawChange change) {
            return change.isNull(definition) ? null : type.converter().apply(change.getCell(definition));
        }
    }

    TableSchema(String topicPrefix, TableName table, ChangeSchema log) {
        String prefix = SchemaNames.valid(topicPrefix + "." + table.keyspace + "." + table.name);
        List<ColumnDefinition> definitions = log.getNonCdcColumnDefinitions();
        List<ColumnType> types = definitions.stream()
                .map(column -> ColumnType.of(column.getCdcLogDataType(), baseType(column),
                        prefix + "." + SchemaNames.valid(column.getColumnName())))
                .toList();
        key = keySchema(prefix + ".Key", definitions, types);
        after = rowSchema(prefix + ".After", definitions, types);
        envelope = Envelope.schema(prefix + ".Envelope", rowSchema(prefix + ".Before", definitions, types), after);
        for (int i = 0; i < definitions.size(); i++) {
            String name = definitions.get(i).getColumnName();
            columns.add(new Column(definitions.get(i), types.get(i), key.field(name), after.field(name)));
        }
        hasClusteringKey = definitions.stream()
                .anyMatch(column -> column.getBaseTableColumnKind() == ChangeSchema.ColumnKind.CLUSTERING_KEY);
    }

    Schema key() {
        return key;
    }

    Schema envelope() {
        return envelope;
    }

    boolean hasClusteringKey() {
        return hasClusteringKey;
    }

    Struct keyOf(RawChange change) {
        Struct struct = new Struct(key);
        for (Column column : columns) {
            if (column.keyField() != null) {
                struct.put(column.keyField(), column.valueIn(change));
            }
        }
        return struct;
    }

    Struct afterOf(RawChange change) {
        Struct struct = new Struct(after);
        for (Column column : columns) {
            struct.put(column.afterField(), column.valueIn(change));
        }
        return struct;
    }

    private static ChangeSchema.DataType baseType(ColumnDefinition column) {
        ChangeSchema.DataType base = column.getBaseTableDataType();
        return base == null ? column.getCdcLogDataType() : base;
    }

    /** Partition key columns first, then clustering columns. */
    private static Schema keySchema(String name, List<ColumnDefinition> columns, List<ColumnType> types) {
        SchemaBuilder schema = SchemaBuilder.struct().name(name);
        for (ChangeSchema.ColumnKind kind : List.of(
                ChangeSchema.ColumnKind.PARTITION_KEY, ChangeSchema.ColumnKind.CLUSTERING_KEY)) {
            for (int i = 0; i < columns.size(); i++) {
                if (columns.get(i).getBaseTableColumnKind() == kind) {
                    schema.field(columns.get(i).getColumnName(), types.get(i).schema());
                }
            }
        }
        return schema.build();
    }

    private static Schema rowSchema(String name, List<ColumnDefinition> columns, List<ColumnType> types) {
        SchemaBuilder schema = SchemaBuilder.struct().name(name).optional();
        for (int i = 0; i < columns.size(); i++) {
            schema.field(columns.get(i).getColumnName(), types.get(i).schema());
        }
        return schema.build();
    }
}
