package cdc.standin.source;

import com.scylladb.cdc.model.StreamId;
import com.scylladb.cdc.model.TaskId;
import com.scylladb.cdc.model.Timestamp;
import com.scylladb.cdc.model.worker.ChangeId;
import com.scylladb.cdc.model.worker.ChangeTime;
import com.scylladb.cdc.model.worker.TaskState;
import java.nio.ByteBuffer;
import java.util.Date;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;

/** How far a part of the work has come, in the form that Kafka Connect stores: that of ScyllaDB's connector. */
final class SourceOffset {
    private static final String WINDOW_START = "window_start";
    private static final String WINDOW_END = "window_end";
    private static final String STREAM_ID = "change_id_stream_id";
    private static final String TIME = "change_id_time";
    /** 100 ns intervals between the epochs of time ids (1582) and of Unix. */
    private static final long EPOCH_OFFSET = 0x01B21DD213814000L;

    private SourceOffset() {
    }

    /**
     * The key under which an offset is kept. Kafka Connect compares its JSON text, so the order of the entries must be
     * the same in every worker, and that of the map into which the REST API reads it: a HashMap of default capacity.
     * (Map.of has another order in each JVM.)
     */
    static Map<String, String> partition(TaskId id) {
        Map<String, String> partition = new HashMap<>();
        partition.put("keyspace_name", id.getTable().keyspace);
        partition.put("table_name", id.getTable().name);
        partition.put("vnode_id", String.valueOf(id.getvNodeId().getIndex()));
        partition.put("generation_start",
                String.valueOf(id.getGenerationId().getGenerationStart().toDate().getTime()));
        return partition;
    }

    static Map<String, String> format(TaskState state) {
        Map<String, String> offset = new HashMap<>();
        offset.put(WINDOW_START, state.getWindowStart().toString());
        offset.put(WINDOW_END, state.getWindowEnd().toString());
        state.getLastConsumedChangeId().ifPresent(change -> {
            offset.put(STREAM_ID, "0x" + HexFormat.of().formatHex(Assignment.bytes(change.getStreamId().getValue())));
            offset.put(TIME, change.getChangeTime().getUUID().toString());
        });
        return offset;
    }

    static TaskState parse(Map<String, ?> offset) {
        Optional<ChangeId> lastChange = Optional.empty();
        if (offset.containsKey(STREAM_ID)) {
            String hex = offset.get(STREAM_ID).toString().substring(2);
            lastChange = Optional.of(new ChangeId(
                    new StreamId(ByteBuffer.wrap(HexFormat.of().parseHex(hex))),
                    new ChangeTime(UUID.fromString(offset.get(TIME).toString()))));
        }
        // The end is stored as the last time id inside the window.
        return new TaskState(
                new Timestamp(new Date(millis(offset.get(WINDOW_START)))),
                new Timestamp(new Date(millis(offset.get(WINDOW_END)) + 1)),
                lastChange);
    }

    private static long millis(Object timeId) {
        return (UUID.fromString(timeId.toString()).timestamp() - EPOCH_OFFSET) / 10_000;
    }
}
