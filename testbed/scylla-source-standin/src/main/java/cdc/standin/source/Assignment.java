package cdc.standin.source;

import com.scylladb.cdc.model.GenerationId;
import com.scylladb.cdc.model.StreamId;
import com.scylladb.cdc.model.TableName;
import com.scylladb.cdc.model.TaskId;
import com.scylladb.cdc.model.Timestamp;
import com.scylladb.cdc.model.VNodeId;
import com.scylladb.cdc.transport.GroupedTasks;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.HexFormat;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * One part of the work: the streams of one vnode, in one generation, for one table.
 *
 * @param id      table, vnode and generation; the identity under which offsets are kept
 * @param streams streams of that vnode
 */
public record Assignment(TaskId id, SortedSet<StreamId> streams) {
    private static final HexFormat HEX = HexFormat.of();

    /** All parts of a generation, dealt out to at most the given number of tasks, each as text. */
    public static List<String> deal(GroupedTasks generation, int maxTasks) {
        int hands = Math.min(maxTasks, generation.size());
        List<List<String>> dealt = new ArrayList<>();
        for (int hand = 0; hand < hands; hand++) {
            dealt.add(new ArrayList<>());
        }
        int next = 0;
        // Sorted, so that the same generation always gives the same tasks and nothing restarts without need.
        for (TaskId id : new TreeSet<>(generation.getTaskIds())) {
            dealt.get(next++ % hands).add(new Assignment(id, generation.getStreamsForTask(id)).format());
        }
        return dealt.stream().map(hand -> String.join("\n", hand)).toList();
    }

    static List<Assignment> parseAll(String text) {
        return text.lines().filter(line -> !line.isBlank()).map(Assignment::parse).toList();
    }

    String format() {
        String streamIds = streams.stream()
                .map(stream -> HEX.formatHex(bytes(stream.getValue())))
                .collect(Collectors.joining(","));
        return String.join(";",
                String.valueOf(id.getGenerationId().getGenerationStart().toDate().getTime()),
                String.valueOf(id.getvNodeId().getIndex()),
                id.getTable().keyspace, id.getTable().name, streamIds);
    }

    private static Assignment parse(String line) {
        String[] parts = line.split(";");
        TaskId id = new TaskId(
                new GenerationId(new Timestamp(new Date(Long.parseLong(parts[0])))),
                new VNodeId(Integer.parseInt(parts[1])),
                new TableName(parts[2], parts[3]));
        SortedSet<StreamId> streams = Arrays.stream(parts[4].split(","))
                .map(hex -> new StreamId(ByteBuffer.wrap(HEX.parseHex(hex))))
                .collect(Collectors.toCollection(TreeSet::new));
        return new Assignment(id, streams);
    }

    static byte[] bytes(ByteBuffer buffer) {
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }
}
