package cdc.standin.scylla;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Date;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import org.apache.cassandra.cql3.QueryProcessor;
import org.apache.cassandra.cql3.UntypedResultSet;
import org.apache.cassandra.cql3.statements.schema.CreateTableStatement;
import org.apache.cassandra.db.commitlog.CommitLog;
import org.apache.cassandra.db.marshal.BytesType;
import org.apache.cassandra.schema.KeyspaceMetadata;
import org.apache.cassandra.schema.Schema;
import org.apache.cassandra.schema.TableId;
import org.apache.cassandra.schema.TableMetadata;

/** The one generation of CDC stream ids, published where readers of ScyllaDB's CDC log look for it. */
final class StreamGeneration {
    private static final String KEYSPACE = "system_distributed";
    private static final String TIMESTAMPS = "cdc_generation_timestamps";
    private static final String STREAMS = "cdc_streams_descriptions_v2";
    private static volatile TreeMap<Long, ByteBuffer> streamByRangeEnd = new TreeMap<>();

    private StreamGeneration() {
    }

    /** Reads the published generation, or makes one of the given number of streams if there is none. */
    static void publish(int streams) throws IOException {
        createTable(TIMESTAMPS, "CREATE TABLE " + TIMESTAMPS + " (key text, time timestamp, expired timestamp, "
                + "PRIMARY KEY (key, time)) WITH CLUSTERING ORDER BY (time DESC)");
        createTable(STREAMS, "CREATE TABLE " + STREAMS + " (time timestamp, range_end bigint, "
                + "streams frozen<set<blob>>, PRIMARY KEY (time, range_end))");
        UntypedResultSet timestamps = QueryProcessor.executeInternal(
                "SELECT time FROM " + KEYSPACE + "." + TIMESTAMPS + " WHERE key = 'timestamps'");
        streamByRangeEnd = timestamps.isEmpty() ? make(streams) : read(timestamps.one().getTimestamp("time"));
        CommitLog.instance.sync(true);
    }

    /** The id of the stream that takes the changes of a partition with this token. */
    static ByteBuffer streamFor(long token) {
        Map.Entry<Long, ByteBuffer> range = streamByRangeEnd.ceilingEntry(token);
        return (range == null ? streamByRangeEnd.firstEntry() : range).getValue().duplicate();
    }

    private static TreeMap<Long, ByteBuffer> read(Date generation) {
        TreeMap<Long, ByteBuffer> ids = new TreeMap<>();
        for (UntypedResultSet.Row row : QueryProcessor.executeInternal(
                "SELECT range_end, streams FROM " + KEYSPACE + "." + STREAMS + " WHERE time = ?", generation)) {
            ids.put(row.getLong("range_end"), row.getFrozenSet("streams", BytesType.instance).iterator().next());
        }
        return ids;
    }

    private static TreeMap<Long, ByteBuffer> make(int streams) {
        Date generation = new Date();
        TreeMap<Long, ByteBuffer> ids = new TreeMap<>();
        long rangeSize = Long.divideUnsigned(-1L, streams);
        Random random = new Random();
        for (int vnode = 0; vnode < streams; vnode++) {
            long rangeEnd = vnode == streams - 1 ? Long.MAX_VALUE : Long.MIN_VALUE + rangeSize * (vnode + 1);
            ByteBuffer id = streamId(rangeEnd, vnode, random.nextLong());
            ids.put(rangeEnd, id);
            QueryProcessor.executeInternal("INSERT INTO " + KEYSPACE + "." + STREAMS
                    + " (time, range_end, streams) VALUES (?, ?, ?)", generation, rangeEnd, Set.of(id));
        }
        // Last: the timestamp makes the generation visible.
        QueryProcessor.executeInternal("INSERT INTO " + KEYSPACE + "." + TIMESTAMPS
                + " (key, time) VALUES ('timestamps', ?)", generation);
        return ids;
    }

    /** ScyllaDB's layout: 64 bits token, 38 random bits, 22 bits vnode index, 4 bits version (1). */
    static ByteBuffer streamId(long token, int vnode, long random) {
        return ByteBuffer.allocate(16).putLong(token).putLong(random << 26 | (long) vnode << 4 | 1L).flip();
    }

    /** Clients may not create tables in this keyspace, and neither may CQL inside the server. */
    private static void createTable(String name, String cql) {
        TableMetadata table = CreateTableStatement.parse(cql, KEYSPACE)
                .id(TableId.unsafeDeterministic(KEYSPACE, name))
                .build();
        Schema.instance.transform(keyspaces -> {
            KeyspaceMetadata keyspace = keyspaces.getNullable(KEYSPACE);
            return keyspace.tables.getNullable(name) != null
                    ? keyspaces
                    : keyspaces.withAddedOrUpdated(keyspace.withSwapped(keyspace.tables.with(table)));
        });
    }
}
