package cdc.standin.scylla;

import org.apache.cassandra.db.Clustering;
import org.apache.cassandra.db.DecoratedKey;
import org.apache.cassandra.db.ReadExecutionController;
import org.apache.cassandra.db.SinglePartitionReadCommand;
import org.apache.cassandra.db.Slices;
import org.apache.cassandra.db.filter.ClusteringIndexNamesFilter;
import org.apache.cassandra.db.filter.ColumnFilter;
import org.apache.cassandra.db.partitions.PartitionIterator;
import org.apache.cassandra.db.rows.Row;
import org.apache.cassandra.db.rows.RowIterator;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.utils.FBUtilities;

/** Reads a row of a base table as it is stored on this node. */
final class StoredRow {

    private StoredRow() {
    }

    /** The stored row, or null if there is none. */
    static Row read(TableMetadata table, DecoratedKey key, Clustering<?> clustering, long nowSeconds) {
        boolean isStatic = clustering == Clustering.STATIC_CLUSTERING;
        SinglePartitionReadCommand command = isStatic
                ? SinglePartitionReadCommand.create(table, nowSeconds, key, Slices.ALL)
                : SinglePartitionReadCommand.create(table, nowSeconds, key, ColumnFilter.all(table),
                        new ClusteringIndexNamesFilter(FBUtilities.singleton(clustering, table.comparator), false));
        try (ReadExecutionController controller = command.executionController();
             PartitionIterator partitions = command.executeInternal(controller)) {
            if (!partitions.hasNext()) {
                return null;
            }
            try (RowIterator rows = partitions.next()) {
                if (isStatic) {
                    return rows.staticRow().isEmpty() ? null : rows.staticRow();
                }
                return rows.hasNext() ? rows.next() : null;
            }
        }
    }
}
