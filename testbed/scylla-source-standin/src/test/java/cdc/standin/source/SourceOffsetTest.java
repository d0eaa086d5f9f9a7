package cdc.standin.source;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import com.scylladb.cdc.model.worker.RawChange.OperationType;
import com.scylladb.cdc.model.worker.TaskState;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class SourceOffsetTest {
    private static final TaskState INITIAL =
            TaskState.createInitialFor(Fixtures.TASK.getGenerationId(), Fixtures.WINDOW_MS);

    @Test
    void readsBackAWindow() {
        assertEquals(INITIAL, SourceOffset.parse(SourceOffset.format(INITIAL)));
    }

    @Test
    void readsBackTheLastChange() {
        TaskState state = INITIAL.update(
                LogRow.simple(OperationType.ROW_INSERT, Fixtures.GENERATION_MS + 5, 1, "a").getId());

        assertEquals(state, SourceOffset.parse(SourceOffset.format(state)));
    }

    @Test
    void hasNoChangeAtTheStartOfAWindow() {
        assertFalse(SourceOffset.format(INITIAL).containsKey("change_id_time"));
    }

    @Test
    void partitionHasTheNamesOfScyllasConnector() {
        Map<String, String> partition = SourceOffset.partition(Fixtures.TASK);

        assertEquals(Set.of("keyspace_name", "table_name", "vnode_id", "generation_start"), partition.keySet());
        assertEquals(String.valueOf(Fixtures.GENERATION_MS), partition.get("generation_start"));
    }

    @Test
    void partitionsAreInTheOrderInWhichConnectReadsThemBack() {
        Map<String, String> partition = SourceOffset.partition(Fixtures.TASK);
        Map<String, String> readBack = new HashMap<>();
        partition.forEach(readBack::put);

        assertEquals(List.copyOf(partition.keySet()), List.copyOf(readBack.keySet()));
        assertEquals(List.of("keyspace_name", "vnode_id", "generation_start", "table_name"),
                List.copyOf(partition.keySet()));
    }
}
