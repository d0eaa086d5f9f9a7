package cdc.standin.scylla;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.cassandra.db.marshal.AbstractType;
import org.apache.cassandra.db.marshal.SetType;
import org.apache.cassandra.db.marshal.TupleType;
import org.apache.cassandra.db.marshal.UserType;
import org.apache.cassandra.db.rows.Cell;
import org.apache.cassandra.serializers.CollectionSerializer;

/** Packs the cells of a collection, or of a user type that is not frozen, into the frozen values of the log. */
final class CollectionCells {
    private final AbstractType<?> type;
    private final List<ByteBuffer> deletedKeys = new ArrayList<>();
    private final List<Cell<?>> live = new ArrayList<>();

    CollectionCells(AbstractType<?> columnType, Iterable<Cell<?>> cells, long nowSeconds) {
        type = columnType.unwrap();
        for (Cell<?> cell : cells) {
            if (cell.isLive(nowSeconds)) {
                live.add(cell);
            } else {
                deletedKeys.add(cell.path().get(0));
            }
        }
    }

    /** The live elements, or null if there are none. */
    ByteBuffer elements() {
        if (live.isEmpty()) {
            return null;
        }
        return type.isUDT() ? fields((UserType) type) : packed();
    }

    /** The addresses of the deleted elements, or null if none was deleted. */
    ByteBuffer deletedElements() {
        if (deletedKeys.isEmpty()) {
            return null;
        }
        deletedKeys.sort(CdcLogTable.elementKeyType(type));
        return CollectionSerializer.pack(deletedKeys, deletedKeys.size());
    }

    private ByteBuffer fields(UserType userType) {
        ByteBuffer[] fields = new ByteBuffer[userType.size()];
        for (Cell<?> cell : live) {
            ByteBuffer position = cell.path().get(0);
            fields[position.getShort(position.position())] = cell.buffer();
        }
        return TupleType.buildValue(fields);
    }

    private ByteBuffer packed() {
        List<ByteBuffer> buffers = new ArrayList<>();
        for (Cell<?> cell : live) {
            buffers.add(cell.path().get(0));
            if (!(type instanceof SetType)) {
                buffers.add(cell.buffer());
            }
        }
        return CollectionSerializer.pack(buffers, live.size());
    }
}
