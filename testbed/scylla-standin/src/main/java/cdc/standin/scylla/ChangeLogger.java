package cdc.standin.scylla;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.cassandra.db.Clustering;
import org.apache.cassandra.db.ClusteringBound;
import org.apache.cassandra.db.ClusteringPrefix;
import org.apache.cassandra.db.DeletionPurger;
import org.apache.cassandra.db.DeletionTime;
import org.apache.cassandra.db.Mutation;
import org.apache.cassandra.db.RangeTombstone;
import org.apache.cassandra.db.RegularAndStaticColumns;
import org.apache.cassandra.db.filter.ColumnFilter;
import org.apache.cassandra.db.marshal.CompositeType;
import org.apache.cassandra.db.marshal.LongType;
import org.apache.cassandra.db.partitions.PartitionUpdate;
import org.apache.cassandra.db.rows.Cell;
import org.apache.cassandra.db.rows.ColumnData;
import org.apache.cassandra.db.rows.ComplexColumnData;
import org.apache.cassandra.db.rows.Row;
import org.apache.cassandra.db.rows.Rows;
import org.apache.cassandra.dht.Murmur3Partitioner;
import org.apache.cassandra.schema.ColumnMetadata;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.utils.FBUtilities;
import org.apache.cassandra.utils.TimeUUID;

/** The log rows of one mutation of one partition. */
final class ChangeLogger {
    /** {@code cdc$time} from this node's clock: then no log row is older than the moment it was written. */
    private static final boolean SERVER_TIME = Boolean.getBoolean("standin.server_time");

    private final TableMetadata base;
    private final TableMetadata log;
    private final CdcOptions options;
    private final PartitionUpdate update;
    private final long nowMicros = FBUtilities.timestampMicros();
    private final long nowSeconds = nowMicros / 1_000_000;
    private final Map<Long, List<LogRow>> batchByTimestamp = new TreeMap<>();

    ChangeLogger(TableMetadata base, TableMetadata log, CdcOptions options, PartitionUpdate update) {
        this.base = base;
        this.log = log;
        this.options = options;
        this.update = update;
    }

    /** The mutation of the log table, or null if there is nothing to log. */
    Mutation log() {
        addPartitionDelete();
        addRangeDeletes();
        if (!update.staticRow().isEmpty()) {
            addRow(update.staticRow());
        }
        for (Row row : update) {
            addRow(row);
        }
        if (batchByTimestamp.isEmpty()) {
            return null;
        }
        long token = (Long) Murmur3Partitioner.instance.getToken(update.partitionKey().getKey()).getTokenValue();
        batchByTimestamp.values().forEach(ChangeLogger::end);
        PartitionUpdate.Builder logUpdate = new PartitionUpdate.Builder(
                log, StreamGeneration.streamFor(token), columns(), batchByTimestamp.size() * 2);
        batchByTimestamp.forEach((timestamp, batch) -> addBatch(logUpdate, timestamp, batch));
        return new Mutation(logUpdate.build());
    }

    private static void end(List<LogRow> batch) {
        batch.sort(Comparator.comparingInt(row -> row.operation().orderInBatch())); // a stable sort
        batch.get(batch.size() - 1).flag("cdc$end_of_batch");
    }

    /** Only those that have a value: Cassandra goes through all of them whenever it writes a row. */
    private RegularAndStaticColumns columns() {
        Set<ColumnMetadata> columns = new HashSet<>();
        batchByTimestamp.values().forEach(batch -> batch.forEach(row -> columns.addAll(row.columns())));
        return RegularAndStaticColumns.builder().addAll(columns).build();
    }

    private void addBatch(PartitionUpdate.Builder logUpdate, long timestamp, List<LogRow> batch) {
        ByteBuffer time = cdcTime(SERVER_TIME ? Math.max(timestamp, FBUtilities.timestampMicros()) : timestamp);
        for (int sequence = 0; sequence < batch.size(); sequence++) {
            logUpdate.add(batch.get(sequence).toRow(time, sequence, options.ttlSeconds(), nowMicros));
        }
    }

    /** A time id of this moment, made unique by random low bits of the RFC 4122 variant. */
    private static ByteBuffer cdcTime(long timestampMicros) {
        long lowBits = ThreadLocalRandom.current().nextLong() & 0x3FFFFFFFFFFFFFFFL | 0x8000000000000000L;
        return TimeUUID.atUnixMicrosWithLsb(timestampMicros, lowBits).toBytes();
    }

    private void addPartitionDelete() {
        DeletionTime deletion = update.deletionInfo().getPartitionDeletion();
        if (!deletion.isLive()) {
            newRow(deletion.markedForDeleteAt(), Operation.PARTITION_DELETE, null);
        }
    }

    private void addRangeDeletes() {
        Iterator<RangeTombstone> tombstones = update.deletionInfo().rangeIterator(false);
        while (tombstones.hasNext()) {
            RangeTombstone tombstone = tombstones.next();
            long timestamp = tombstone.deletionTime().markedForDeleteAt();
            ClusteringBound<?> start = tombstone.deletedSlice().start();
            ClusteringBound<?> end = tombstone.deletedSlice().end();
            newRow(timestamp,
                    start.isInclusive() ? Operation.RANGE_START_INCLUSIVE : Operation.RANGE_START_EXCLUSIVE, start);
            newRow(timestamp,
                    end.isInclusive() ? Operation.RANGE_END_INCLUSIVE : Operation.RANGE_END_EXCLUSIVE, end);
        }
    }

    private void addRow(Row row) {
        Row before = options.anyImage()
                ? StoredRow.read(base, update.partitionKey(), row.clustering(), nowSeconds)
                : null;
        RowChange.byTimestamp(row).forEach((timestamp, change) -> addChange(timestamp, change, row, before));
    }

    private void addChange(long timestamp, RowChange change, Row row, Row before) {
        Clustering<?> clustering = row.isStatic() ? null : row.clustering();
        if (before != null && options.logsPreimage()) {
            boolean allColumns = options.preimage().equals("full") || change.isRowDelete();
            addImage(newRow(timestamp, Operation.PRE_IMAGE, clustering), before,
                    allColumns ? null : change.touchedColumns());
        }
        if (change.isRowDelete()) {
            newRow(timestamp, Operation.ROW_DELETE, clustering);
            if (!change.writesColumns()) {
                return;
            }
        }
        LogRow delta = newRow(timestamp, change.isInsert() ? Operation.INSERT : Operation.UPDATE, clustering);
        if (change.ttlSeconds() > 0) {
            delta.put("cdc$ttl", LongType.instance.decompose((long) change.ttlSeconds()));
        }
        if (!options.keysOnly()) {
            addDelta(delta, change);
        }
        if (options.postimage()) {
            Row kept = before == null ? null : withoutDeleted(before);
            Row after = kept == null ? row : Rows.merge(kept, row);
            after = after.purge(DeletionPurger.PURGE_ALL, nowSeconds, false);
            if (after != null) {
                addImage(newRow(timestamp, Operation.POST_IMAGE, clustering), after, null);
            }
        }
    }

    /** What the partition and range deletes of this mutation leave of a stored row; null if nothing. */
    private Row withoutDeleted(Row stored) {
        DeletionTime deletion = update.deletionInfo().getPartitionDeletion();
        RangeTombstone range = stored.isStatic() ? null : update.deletionInfo().rangeCovering(stored.clustering());
        if (range != null && range.deletionTime().supersedes(deletion)) {
            deletion = range.deletionTime();
        }
        return stored.filter(ColumnFilter.all(base), deletion, false, base);
    }

    private void addDelta(LogRow delta, RowChange change) {
        for (Cell<?> cell : change.simpleCells()) {
            String name = cell.column().name.toString();
            if (cell.isTombstone()) {
                delta.flag("cdc$deleted_" + name);
            } else {
                delta.put(name, cell.buffer());
            }
        }
        change.overwrittenCollections().forEach(column -> delta.flag("cdc$deleted_" + column.name));
        change.cellsByCollection().forEach((column, cells) -> {
            CollectionCells collection = new CollectionCells(column.type, cells, nowSeconds);
            delta.put(column.name.toString(), collection.elements());
            delta.put("cdc$deleted_elements_" + column.name, collection.deletedElements());
        });
    }

    /** Copies the state of a row; columns null means all of them. */
    private void addImage(LogRow image, Row state, Set<ColumnMetadata> columns) {
        for (ColumnData data : state) {
            ColumnMetadata column = data.column();
            if (columns != null && !columns.contains(column)) {
                continue;
            }
            if (data instanceof ComplexColumnData collection) {
                image.put(column.name.toString(), new CollectionCells(column.type, collection, nowSeconds).elements());
            } else if (((Cell<?>) data).isLive(nowSeconds)) {
                image.put(column.name.toString(), ((Cell<?>) data).buffer());
            }
        }
    }

    /** Adds a row that has the key columns set; a range bound may have only some of the clustering columns. */
    private LogRow newRow(long timestamp, Operation operation, ClusteringPrefix<?> clustering) {
        LogRow row = new LogRow(log, operation);
        ByteBuffer key = update.partitionKey().getKey();
        ByteBuffer[] keyParts = base.partitionKeyType instanceof CompositeType composite
                ? composite.split(key)
                : new ByteBuffer[] {key};
        for (int i = 0; i < keyParts.length; i++) {
            row.put(base.partitionKeyColumns().get(i).name.toString(), keyParts[i]);
        }
        int clusteringColumns = clustering == null ? 0 : clustering.size();
        for (int i = 0; i < clusteringColumns; i++) {
            row.put(base.clusteringColumns().get(i).name.toString(), clustering.bufferAt(i));
        }
        batchByTimestamp.computeIfAbsent(timestamp, absent -> new ArrayList<>()).add(row);
        return row;
    }
}
