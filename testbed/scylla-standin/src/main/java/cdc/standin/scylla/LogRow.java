package cdc.standin.scylla;

import java.nio.ByteBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.apache.cassandra.cql3.ColumnIdentifier;
import org.apache.cassandra.db.Clustering;
import org.apache.cassandra.db.LivenessInfo;
import org.apache.cassandra.db.marshal.BooleanType;
import org.apache.cassandra.db.marshal.Int32Type;
import org.apache.cassandra.db.rows.BTreeRow;
import org.apache.cassandra.db.rows.BufferCell;
import org.apache.cassandra.db.rows.Row;
import org.apache.cassandra.schema.ColumnMetadata;
import org.apache.cassandra.schema.TableMetadata;

/** One row of a CDC log table, before its place in the batch is known. */
final class LogRow {
    private final TableMetadata log;
    private final Operation operation;
    private final Map<ColumnMetadata, ByteBuffer> values = new LinkedHashMap<>();

    LogRow(TableMetadata log, Operation operation) {
        this.log = log;
        this.operation = operation;
        put("cdc$operation", ByteBuffer.wrap(new byte[] {operation.code()}));
    }

    Operation operation() {
        return operation;
    }

    /** Those that have a value. */
    Set<ColumnMetadata> columns() {
        return values.keySet();
    }

    /** Sets a column; null values and columns that the log does not have yet are left out. */
    void put(String column, ByteBuffer value) {
        ColumnMetadata metadata = log.getColumn(ColumnIdentifier.getInterned(column, true));
        if (metadata != null && value != null) {
            values.put(metadata, value);
        }
    }

    void flag(String column) {
        put(column, BooleanType.instance.decompose(true));
    }

    Row toRow(ByteBuffer time, int batchSequenceNumber, int ttlSeconds, long nowMicros) {
        long nowSeconds = nowMicros / 1_000_000;
        Row.Builder row = BTreeRow.unsortedBuilder();
        row.newRow(Clustering.make(time, Int32Type.instance.decompose(batchSequenceNumber)));
        row.addPrimaryKeyLivenessInfo(LivenessInfo.create(nowMicros, ttlSeconds, nowSeconds));
        values.forEach((column, value) -> row.addCell(ttlSeconds > 0
                ? BufferCell.expiring(column, nowMicros, ttlSeconds, nowSeconds, value)
                : BufferCell.live(column, nowMicros, value)));
        return row.build();
    }
}
