package cdc.standin.source;

import static com.scylladb.cdc.model.worker.RawChange.OperationType.ROW_DELETE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.scylladb.cdc.cql.WorkerCQL;
import com.scylladb.cdc.model.TableName;
import com.scylladb.cdc.model.Timestamp;
import com.scylladb.cdc.model.worker.ChangeId;
import com.scylladb.cdc.model.worker.RawChange;
import com.scylladb.cdc.model.worker.Task;
import com.scylladb.cdc.model.worker.TaskState;
import java.util.ArrayList;
import java.util.Date;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;
import org.junit.jupiter.api.Test;

class VNodeReaderTest {
    private final BlockingQueue<SourceRecord> queue = new LinkedBlockingQueue<>();
    private final FakeLog log = new FakeLog();
    private final RecordingScheduler scheduler = new RecordingScheduler();

    private VNodeReader reader(TaskState stored, String heartbeatMs) {
        Map<String, String> properties = Fixtures.properties();
        properties.put(SourceConfig.TOMBSTONES_ON_DELETE, "false");
        properties.put(SourceConfig.HEARTBEAT_INTERVAL_MS, heartbeatMs);
        return new VNodeReader(
                new SourceConfig(properties), Fixtures.assignment(), stored, log, queue, scheduler);
    }

    private List<Integer> takeIds() {
        List<SourceRecord> records = new ArrayList<>();
        queue.drainTo(records);
        return records.stream().filter(record -> record.topic().equals("cdc.shop.users"))
                .map(record -> ((Struct) record.key()).getInt32("id")).toList();
    }

    @Test
    void readsWindowAfterWindow() {
        log.delete(1, 100);
        log.delete(2, Fixtures.WINDOW_MS + 100);
        VNodeReader reader = reader(null, "3600000");

        reader.run();
        assertEquals(List.of(1), takeIds());
        reader.run();
        assertEquals(List.of(2), takeIds());
    }

    @Test
    void heartbeatComesAfterTheRowsOfItsWindow() {
        log.delete(1, 100);

        reader(null, "1").run();

        assertEquals("cdc.shop.users", queue.remove().topic());
        SourceRecord heartbeat = queue.remove();
        assertEquals("__debezium-heartbeat.cdc", heartbeat.topic());
        assertFalse(heartbeat.sourceOffset().containsKey("change_id_time"));
    }

    @Test
    void resumesBehindTheStoredChange() {
        log.delete(1, 100);
        log.delete(2, 200);
        reader(null, "3600000").run();
        TaskState stored = SourceOffset.parse(queue.remove().sourceOffset());
        takeIds();

        reader(stored, "3600000").run();

        assertEquals(List.of(2), takeIds());
    }

    @Test
    void goesOnWithoutLossOrRepetitionAfterAFailureInsideAWindow() {
        log.delete(1, 100);
        log.delete(2, 200);
        log.delete(3, 300);
        log.failAfterRows = 2;
        VNodeReader reader = reader(null, "3600000");

        reader.run();
        assertEquals(1, log.discarded);
        assertTrue(scheduler.lastDelayMs > 0);
        reader.run();

        assertEquals(List.of(1, 2, 3), takeIds());
    }

    @Test
    void doesNotReadAWindowInsideTheConfidenceTime() {
        log.delete(1, 100);
        long nowMs = System.currentTimeMillis();
        TaskState fresh = TaskState.createInitialFor(Fixtures.TASK.getGenerationId(), Fixtures.WINDOW_MS)
                .trimTaskState(new Timestamp(new Date(nowMs)), Fixtures.WINDOW_MS);

        reader(fresh, "1").run();

        assertTrue(queue.isEmpty());
        assertEquals(0, log.reads);
        assertTrue(scheduler.lastDelayMs > 25_000, "window 1 s and confidence 30 s");
    }

    /** A log in memory that can fail once, after some rows. */
    private static final class FakeLog implements CdcLog, WorkerCQL {
        private final List<RawChange> rows = new ArrayList<>();
        private int failAfterRows = -1;
        private int discarded;
        private int reads;

        void delete(int id, long afterStartMs) {
            rows.add(LogRow.simple(ROW_DELETE, Fixtures.GENERATION_MS + afterStartMs, id, null));
        }

        @Override
        public WorkerCQL cql() {
            return this;
        }

        @Override
        public void discard(WorkerCQL failed) {
            discarded++;
        }

        @Override
        public void prepare(Set<TableName> tables) {
            // Nothing to prepare.
        }

        @Override
        public CompletableFuture<Optional<Long>> fetchTableTTL(TableName table) {
            return CompletableFuture.completedFuture(Optional.empty());
        }

        @Override
        public CompletableFuture<Reader> createReader(Task task) {
            reads++;
            Optional<ChangeId> last = task.state.getLastConsumedChangeId();
            long startMs = task.state.getWindowStartTimestamp().toDate().getTime();
            long endMs = task.state.getWindowEndTimestamp().toDate().getTime();
            Iterator<RawChange> found = rows.stream()
                    .filter(row -> timeMs(row) >= startMs && timeMs(row) < endMs)
                    .filter(row -> last.isEmpty() || row.getId().compareTo(last.get()) > 0)
                    .iterator();
            return CompletableFuture.completedFuture(() -> next(found));
        }

        private CompletableFuture<Optional<RawChange>> next(Iterator<RawChange> found) {
            if (failAfterRows-- == 0) {
                return CompletableFuture.failedFuture(new IllegalStateException("no host available"));
            }
            return CompletableFuture.completedFuture(found.hasNext() ? Optional.of(found.next()) : Optional.empty());
        }

        private static long timeMs(RawChange row) {
            return row.getId().getChangeTime().getDate().getTime();
        }
    }

    /** Runs nothing: the tests call the reader themselves. */
    private static final class RecordingScheduler extends ScheduledThreadPoolExecutor {
        private long lastDelayMs;

        private RecordingScheduler() {
            super(1);
        }

        @Override
        public ScheduledFuture<?> schedule(Runnable command, long delay, TimeUnit unit) {
            lastDelayMs = unit.toMillis(delay);
            return null;
        }
    }
}
