package cdc.connect;

import java.util.Optional;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.sink.SinkRecord;

/** A table that records are written to. */
record Target(String schema, String table) {

    /** The table that a change names once {@link FitToJdbc} has seen it; empty for what is no change. */
    static Optional<Target> of(SinkRecord record) {
        if (!(record.value() instanceof Struct envelope) || envelope.schema().field("source") == null) {
            return Optional.empty();
        }
        Struct source = envelope.getStruct("source");
        return Optional.of(new Target(source.getString("keyspace_name"), source.getString("table_name")));
    }

    @Override
    public String toString() {
        return schema + "." + table;
    }
}
