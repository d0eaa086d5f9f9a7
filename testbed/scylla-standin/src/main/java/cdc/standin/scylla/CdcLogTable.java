package cdc.standin.scylla;

import com.google.common.collect.ImmutableMap;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.cassandra.db.marshal.AbstractType;
import org.apache.cassandra.db.marshal.BooleanType;
import org.apache.cassandra.db.marshal.ByteType;
import org.apache.cassandra.db.marshal.BytesType;
import org.apache.cassandra.db.marshal.Int32Type;
import org.apache.cassandra.db.marshal.ListType;
import org.apache.cassandra.db.marshal.LongType;
import org.apache.cassandra.db.marshal.MapType;
import org.apache.cassandra.db.marshal.SetType;
import org.apache.cassandra.db.marshal.ShortType;
import org.apache.cassandra.db.marshal.TimeUUIDType;
import org.apache.cassandra.schema.ColumnMetadata;
import org.apache.cassandra.schema.CompactionParams;
import org.apache.cassandra.schema.KeyspaceMetadata;
import org.apache.cassandra.schema.Keyspaces;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.schema.Tables;
import org.apache.cassandra.schema.TriggerMetadata;
import org.apache.cassandra.schema.Triggers;

/** The schema of {@code <table>_scylla_cdc_log}, derived from the base table. */
final class CdcLogTable {
    private static final String SUFFIX = "_scylla_cdc_log";
    private static final String TRIGGER = "standin_cdc";
    /** By time, as ScyllaDB's. What is new is merged seldom: a few wide partitions would be written again and again. */
    private static final CompactionParams COMPACTION = CompactionParams.twcs(Map.of(
            "compaction_window_unit", "MINUTES", "compaction_window_size", "60", "min_threshold", "32", "max_threshold", "64"));

    private CdcLogTable() {
    }

    static String nameFor(String table) {
        return table + SUFFIX;
    }

    static CdcOptions optionsOf(TableMetadata table) {
        return table == null ? null : CdcOptions.fromBlob(table.params.extensions.get(CdcOptions.EXTENSION));
    }

    /**
     * Brings extension, trigger and log table of one base table in line.
     *
     * @param requested the options that a statement asks for, or null to keep the present ones
     */
    static Keyspaces align(Keyspaces keyspaces, String keyspaceName, String tableName, CdcOptions requested) {
        KeyspaceMetadata keyspace = keyspaces.getNullable(keyspaceName);
        if (keyspace == null) {
            return keyspaces;
        }
        Tables tables = keyspace.tables;
        TableMetadata base = tables.getNullable(tableName);
        TableMetadata log = tables.getNullable(nameFor(tableName));
        if (base != null && requested != null) {
            base = withOptions(base, requested);
            tables = tables.withSwapped(base);
        }
        CdcOptions options = optionsOf(base);
        if (options != null && options.enabled()) {
            TableMetadata wanted = logFor(base, log);
            tables = log == null ? tables.with(wanted) : tables.withSwapped(wanted);
        } else if (log != null) {
            tables = tables.without(log);
        }
        return keyspaces.withAddedOrUpdated(keyspace.withSwapped(tables));
    }

    private static TableMetadata withOptions(TableMetadata base, CdcOptions options) {
        Map<String, ByteBuffer> extensions = new HashMap<>(base.params.extensions);
        Triggers triggers = base.triggers.get(TRIGGER).isPresent() ? base.triggers.without(TRIGGER) : base.triggers;
        if (options.enabled()) {
            extensions.put(CdcOptions.EXTENSION, options.toBlob());
            triggers = triggers.with(TriggerMetadata.create(TRIGGER, CdcTrigger.class.getName()));
        } else {
            extensions.remove(CdcOptions.EXTENSION);
        }
        return base.unbuild().extensions(ImmutableMap.copyOf(extensions)).triggers(triggers).build();
    }

    private static TableMetadata logFor(TableMetadata base, TableMetadata present) {
        TableMetadata.Builder log = present == null ? emptyLog(base) : present.unbuild();
        Map<String, AbstractType<?>> columns = columnsFor(base);
        if (present != null) {
            dropOtherColumns(log, present, columns);
        }
        columns.forEach((name, type) -> {
            if (!log.columnNames().contains(name)) {
                log.addRegularColumn(name, type);
            }
        });
        TableMetadata wanted = log.build();
        return wanted.equals(present) ? present : wanted;
    }

    private static TableMetadata.Builder emptyLog(TableMetadata base) {
        return TableMetadata.builder(base.keyspace, nameFor(base.name))
                .addPartitionKeyColumn("cdc$stream_id", BytesType.instance)
                .addClusteringColumn("cdc$time", TimeUUIDType.instance)
                .addClusteringColumn("cdc$batch_seq_no", Int32Type.instance)
                .comment("CDC log for " + base.keyspace + "." + base.name)
                .compaction(COMPACTION)
                .gcGraceSeconds(0);
    }

    private static void dropOtherColumns(
            TableMetadata.Builder log, TableMetadata present, Map<String, AbstractType<?>> wanted) {
        long nowMicros = System.currentTimeMillis() * 1000;
        for (ColumnMetadata column : present.columns()) {
            if (!column.isPrimaryKeyColumn() && !wanted.containsKey(column.name.toString())) {
                log.removeRegularOrStaticColumn(column.name);
                log.recordColumnDrop(column, nowMicros);
            }
        }
    }

    private static Map<String, AbstractType<?>> columnsFor(TableMetadata base) {
        Map<String, AbstractType<?>> columns = new LinkedHashMap<>();
        columns.put("cdc$operation", ByteType.instance);
        columns.put("cdc$ttl", LongType.instance);
        columns.put("cdc$end_of_batch", BooleanType.instance);
        for (ColumnMetadata column : base.columns()) {
            String name = column.name.toString();
            columns.put(name, logType(column.type));
            if (!column.isPrimaryKeyColumn()) {
                columns.put("cdc$deleted_" + name, BooleanType.instance);
                if (column.type.isMultiCell()) {
                    columns.put("cdc$deleted_elements_" + name, SetType.getInstance(elementKeyType(column.type), false));
                }
            }
        }
        return columns;
    }

    /** Collections are frozen in the log; a list becomes a map by the time ids of its elements. */
    static AbstractType<?> logType(AbstractType<?> type) {
        AbstractType<?> plain = type.unwrap();
        if (!plain.isMultiCell()) {
            return plain;
        }
        return plain instanceof ListType<?> list
                ? MapType.getInstance(TimeUUIDType.instance, list.getElementsType(), false)
                : plain.freeze();
    }

    /** The type of what addresses one cell of a collection. */
    static AbstractType<?> elementKeyType(AbstractType<?> type) {
        if (type instanceof ListType) {
            return TimeUUIDType.instance;
        }
        if (type instanceof SetType<?> set) {
            return set.getElementsType();
        }
        if (type instanceof MapType<?, ?> map) {
            return map.getKeysType();
        }
        return ShortType.instance; // a user type that is not frozen: the position of the field
    }
}
