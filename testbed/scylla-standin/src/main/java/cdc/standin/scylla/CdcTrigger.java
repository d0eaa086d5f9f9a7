package cdc.standin.scylla;

import java.util.Collection;
import java.util.List;
import org.apache.cassandra.db.Mutation;
import org.apache.cassandra.db.partitions.Partition;
import org.apache.cassandra.db.partitions.PartitionUpdate;
import org.apache.cassandra.schema.Schema;
import org.apache.cassandra.schema.TableMetadata;
import org.apache.cassandra.triggers.ITrigger;

/** Turns each mutation of a base table into rows of its CDC log, written just before the mutation itself. */
public final class CdcTrigger implements ITrigger {

    @Override
    public Collection<Mutation> augment(Partition update) {
        TableMetadata base = update.metadata();
        CdcOptions options = CdcLogTable.optionsOf(base);
        TableMetadata log = Schema.instance.getTableMetadata(base.keyspace, CdcLogTable.nameFor(base.name));
        if (options != null && options.enabled() && log != null) {
            Mutation logRows = new ChangeLogger(base, log, options, (PartitionUpdate) update).log();
            if (logRows != null && !ConditionalWrites.hold(logRows)) {
                logRows.apply();
            }
        }
        // Returned mutations would cost a logged batch.
        return List.of();
    }
}
