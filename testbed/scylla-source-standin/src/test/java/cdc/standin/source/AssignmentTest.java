package cdc.standin.source;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.scylladb.cdc.model.StreamId;
import com.scylladb.cdc.model.TableName;
import com.scylladb.cdc.model.TaskId;
import com.scylladb.cdc.model.Timestamp;
import com.scylladb.cdc.model.VNodeId;
import com.scylladb.cdc.model.master.GenerationMetadata;
import com.scylladb.cdc.transport.GroupedTasks;
import java.nio.ByteBuffer;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class AssignmentTest {

    @Test
    void readsBackWhatItWrote() {
        Assignment assignment = Fixtures.assignment();

        assertEquals(List.of(assignment), Assignment.parseAll(assignment.format()));
    }

    @Test
    void dealsEveryPartToExactlyOneTask() {
        GroupedTasks generation = generation(5);

        List<String> dealt = Assignment.deal(generation, 2);

        assertEquals(2, dealt.size());
        List<TaskId> ids = dealt.stream().flatMap(text -> Assignment.parseAll(text).stream()).map(Assignment::id).toList();
        assertEquals(5, ids.size());
        assertEquals(generation.getTaskIds(), Set.copyOf(ids));
    }

    @Test
    void makesNoTaskWithoutWork() {
        assertEquals(3, Assignment.deal(generation(3), 8).size());
    }

    @Test
    void dealsTheSameGenerationInTheSameWay() {
        assertEquals(Assignment.deal(generation(7), 3), Assignment.deal(generation(7), 3));
    }

    private static GroupedTasks generation(int vnodes) {
        Timestamp start = new Timestamp(new Date(Fixtures.GENERATION_MS));
        Map<TaskId, SortedSet<StreamId>> tasks = new HashMap<>();
        SortedSet<StreamId> all = new TreeSet<>();
        for (int vnode = 0; vnode < vnodes; vnode++) {
            StreamId stream = new StreamId(ByteBuffer.allocate(16).putLong(vnode).putLong(vnode << 4 | 1).flip());
            TaskId id = new TaskId(Fixtures.TASK.getGenerationId(), new VNodeId(vnode), new TableName("shop", "users"));
            tasks.put(id, new TreeSet<>(Set.of(stream)));
            all.add(stream);
        }
        return new GroupedTasks(tasks, new GenerationMetadata(start, Optional.empty(), all));
    }
}
