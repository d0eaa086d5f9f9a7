package cdc.standin.source;

import com.scylladb.cdc.model.StreamId;
import com.scylladb.cdc.model.worker.ChangeSchema;
import com.scylladb.cdc.model.worker.ChangeSchema.ColumnDefinition;
import com.scylladb.cdc.model.worker.ChangeSchema.ColumnKind;
import com.scylladb.cdc.model.worker.ChangeSchema.CqlType;
import com.scylladb.cdc.model.worker.ChangeSchema.DataType;
import com.scylladb.cdc.model.worker.RawChange;
import com.scylladb.cdc.model.worker.cql.Cell;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** A row of the CDC log of a table (id int, part int, name text), or of (id int, name text) without clustering key. */
final class LogRow implements RawChange {
    static final StreamId STREAM = new StreamId(ByteBuffer.allocate(16).putLong(7).putLong(1).flip());
    private static final ChangeSchema CLUSTERED = schema(ColumnKind.CLUSTERING_KEY);
    private static final ChangeSchema SIMPLE = schema(null);

    private final ChangeSchema schema;
    private final Map<String, Object> values = new HashMap<>();

    private LogRow(ChangeSchema schema, OperationType operation, long timeMs) {
        this.schema = schema;
        values.put("cdc$stream_id", STREAM.getValue());
        values.put("cdc$time", new UUID(timeId(timeMs), 0x8000000000000000L));
        values.put("cdc$operation", (byte) operation.ordinal());
    }

    static LogRow clustered(OperationType operation, long timeMs, Integer id, Integer part, String name) {
        LogRow row = new LogRow(CLUSTERED, operation, timeMs);
        row.values.put("id", id);
        row.values.put("part", part);
        row.values.put("name", name);
        return row;
    }

    static LogRow simple(OperationType operation, long timeMs, Integer id, String name) {
        LogRow row = new LogRow(SIMPLE, operation, timeMs);
        row.values.put("id", id);
        row.values.put("name", name);
        return row;
    }

    private static ChangeSchema schema(ColumnKind partKind) {
        List<ColumnDefinition> columns = new ArrayList<>();
        add(columns, "cdc$stream_id", CqlType.BLOB, ColumnKind.REGULAR);
        add(columns, "cdc$time", CqlType.TIMEUUID, ColumnKind.REGULAR);
        add(columns, "cdc$operation", CqlType.TINYINT, ColumnKind.REGULAR);
        add(columns, "id", CqlType.INT, ColumnKind.PARTITION_KEY);
        add(columns, "name", CqlType.TEXT, ColumnKind.REGULAR);
        if (partKind != null) {
            add(columns, "part", CqlType.INT, partKind);
        }
        return new ChangeSchema(columns);
    }

    private static void add(List<ColumnDefinition> columns, String name, CqlType type, ColumnKind kind) {
        columns.add(new ColumnDefinition(name, columns.size(), new DataType(type), new DataType(type), kind));
    }

    private static long timeId(long timeMs) {
        long intervals = timeMs * 10_000 + 0x01B21DD213814000L;
        return intervals << 32 | (intervals >>> 32 & 0xFFFF) << 16 | 0x1000 | intervals >>> 48;
    }

    @Override
    public ChangeSchema getSchema() {
        return schema;
    }

    @Override
    public Object getAsObject(ColumnDefinition column) {
        return values.get(column.getColumnName());
    }

    @Override
    public boolean isNull(ColumnDefinition column) {
        return getAsObject(column) == null;
    }

    @Override
    public ByteBuffer getAsUnsafeBytes(ColumnDefinition column) {
        return (ByteBuffer) getAsObject(column);
    }

    @Override
    public Cell getCell(ColumnDefinition column) {
        return new Cell() {
            @Override
            public ColumnDefinition getColumnDefinition() {
                return column;
            }

            @Override
            public ByteBuffer getAsUnsafeBytes() {
                return LogRow.this.getAsUnsafeBytes(column);
            }

            @Override
            public Object getAsObject() {
                return LogRow.this.getAsObject(column);
            }

            @Override
            public DataType getDataType() {
                return column.getCdcLogDataType();
            }
        };
    }

    @Override
    public Iterator<Cell> iterator() {
        return schema.getAllColumnDefinitions().stream().map(this::getCell).iterator();
    }
}
