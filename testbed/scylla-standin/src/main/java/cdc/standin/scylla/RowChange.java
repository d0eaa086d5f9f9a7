package cdc.standin.scylla;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.cassandra.db.DeletionTime;
import org.apache.cassandra.db.LivenessInfo;
import org.apache.cassandra.db.rows.Cell;
import org.apache.cassandra.db.rows.ColumnData;
import org.apache.cassandra.db.rows.ComplexColumnData;
import org.apache.cassandra.db.rows.Row;
import org.apache.cassandra.schema.ColumnMetadata;

/** Everything that one mutation does to one row at one timestamp. */
final class RowChange {
    private final List<Cell<?>> cells = new ArrayList<>();
    private final Set<ColumnMetadata> overwrittenCollections = new HashSet<>();
    private boolean insert;
    private boolean rowDelete;
    private int ttlSeconds;

    private RowChange() {
    }

    /** Splits the change of a row by timestamp (microseconds), oldest first. */
    static Map<Long, RowChange> byTimestamp(Row row) {
        Map<Long, RowChange> changes = new TreeMap<>();
        LivenessInfo liveness = row.primaryKeyLivenessInfo();
        if (!liveness.isEmpty()) {
            RowChange change = at(changes, liveness.timestamp());
            change.insert = true;
            change.ttlSeconds = liveness.ttl();
        }
        if (!row.deletion().isLive()) {
            at(changes, row.deletion().time().markedForDeleteAt()).rowDelete = true;
        }
        for (ColumnData column : row) {
            if (column instanceof ComplexColumnData collection) {
                addOverwrite(changes, collection);
                collection.forEach(cell -> addCell(changes, cell));
            } else {
                addCell(changes, (Cell<?>) column);
            }
        }
        return changes;
    }

    /** {@code c = {...}} deletes the old elements one microsecond before it writes the new ones: one change. */
    private static void addOverwrite(Map<Long, RowChange> changes, ComplexColumnData collection) {
        DeletionTime deletion = collection.complexDeletion();
        if (!deletion.isLive()) {
            long timestamp = deletion.markedForDeleteAt();
            boolean withElements = collection.cellsCount() > 0 || changes.containsKey(timestamp + 1);
            at(changes, withElements ? timestamp + 1 : timestamp).overwrittenCollections.add(collection.column());
        }
    }

    private static void addCell(Map<Long, RowChange> changes, Cell<?> cell) {
        RowChange change = at(changes, cell.timestamp());
        change.cells.add(cell);
        if (cell.ttl() > 0) {
            change.ttlSeconds = cell.ttl();
        }
    }

    private static RowChange at(Map<Long, RowChange> changes, long timestamp) {
        return changes.computeIfAbsent(timestamp, absent -> new RowChange());
    }

    boolean isInsert() {
        return insert;
    }

    boolean isRowDelete() {
        return rowDelete;
    }

    /** A row delete that also writes columns, as a batch with one timestamp may do. */
    boolean writesColumns() {
        return insert || !cells.isEmpty() || !overwrittenCollections.isEmpty();
    }

    int ttlSeconds() {
        return ttlSeconds;
    }

    List<Cell<?>> simpleCells() {
        return cells.stream().filter(cell -> !cell.column().isComplex()).toList();
    }

    Set<ColumnMetadata> overwrittenCollections() {
        return overwrittenCollections;
    }

    Map<ColumnMetadata, List<Cell<?>>> cellsByCollection() {
        Map<ColumnMetadata, List<Cell<?>>> collections = new HashMap<>();
        overwrittenCollections.forEach(column -> collections.put(column, new ArrayList<>()));
        for (Cell<?> cell : cells) {
            if (cell.column().isComplex()) {
                collections.computeIfAbsent(cell.column(), absent -> new ArrayList<>()).add(cell);
            }
        }
        return collections;
    }

    Set<ColumnMetadata> touchedColumns() {
        Set<ColumnMetadata> touched = new HashSet<>(overwrittenCollections);
        cells.forEach(cell -> touched.add(cell.column()));
        return touched;
    }
}
