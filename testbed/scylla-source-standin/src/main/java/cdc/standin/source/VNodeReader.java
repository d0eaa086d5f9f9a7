package cdc.standin.source;

import com.scylladb.cdc.cql.WorkerCQL;
import com.scylladb.cdc.model.ExponentialRetryBackoffWithJitter;
import com.scylladb.cdc.model.RetryBackoff;
import com.scylladb.cdc.model.Timestamp;
import com.scylladb.cdc.model.worker.ChangeId;
import com.scylladb.cdc.model.worker.RawChange;
import com.scylladb.cdc.model.worker.Task;
import com.scylladb.cdc.model.worker.TaskState;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.connect.source.SourceRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the log of one vnode and table, one time window after the other, and puts records into the queue.
 *
 * <p>Each run reads one window and schedules the next run. The state moves only past what is in the queue, and the
 * queue keeps the order, so an offset never passes a row that Kafka Connect has not been given before.
 */
final class VNodeReader implements Runnable {
    private static final Logger LOGGER = LoggerFactory.getLogger(VNodeReader.class);

    private final SourceConfig config;
    private final Assignment assignment;
    private final CdcLog log;
    private final BlockingQueue<SourceRecord> queue;
    private final ScheduledExecutorService scheduler;
    private final ChangeTranslator translator;
    private final RetryBackoff backoff;
    private final long windowMs;
    private final long confidenceMs;
    private final boolean resumed;
    private TaskState state;
    private boolean trimmed;
    private int failures;
    private long lastHeartbeatMs;

    /** @param stored the state to resume from, or null to start at the beginning */
    VNodeReader(SourceConfig config, Assignment assignment, TaskState stored, CdcLog log,
                BlockingQueue<SourceRecord> queue, ScheduledExecutorService scheduler) {
        this.config = config;
        this.assignment = assignment;
        this.log = log;
        this.queue = queue;
        this.scheduler = scheduler;
        this.translator = new ChangeTranslator(config, assignment.id());
        this.backoff = new ExponentialRetryBackoffWithJitter(
                config.getInt(SourceConfig.RETRY_BACKOFF_BASE_MS), config.getInt(SourceConfig.MAXIMUM_BACKOFF_MS),
                config.getInt(SourceConfig.JITTER_PERCENTAGE) / 100.0);
        this.windowMs = config.getInt(SourceConfig.WINDOW_MS);
        this.confidenceMs = config.getInt(SourceConfig.CONFIDENCE_MS);
        this.resumed = stored != null;
        this.state = resumed ? stored : TaskState.createInitialFor(assignment.id().getGenerationId(), windowMs);
    }

    @Override
    public void run() {
        WorkerCQL cql = null;
        try {
            cql = log.cql();
            if (!trimmed) {
                trim(cql);
            }
            long waitMs = waitMs();
            if (waitMs <= 0) {
                readWindow(cql);
                failures = 0;
                waitMs = Math.max(waitMs(), config.getInt(SourceConfig.MINIMAL_WAIT_MS));
            }
            schedule(waitMs);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (Throwable e) { // an error that escapes would end this reader without anybody knowing
            if (!scheduler.isShutdown()) {
                retry(cql, e);
            }
        }
    }

    void schedule(long waitMs) {
        if (!scheduler.isShutdown()) {
            scheduler.schedule(this, Math.max(waitMs, 0), TimeUnit.MILLISECONDS);
        }
    }

    private void retry(WorkerCQL cql, Throwable error) {
        int waitMs = backoff.getRetryBackoffTimeMs(failures++);
        LOGGER.warn("Reading the CDC log failed, attempt {}, next one in {} ms: {}, {}",
                failures, waitMs, assignment.id(), error.toString());
        log.discard(cql);
        schedule(waitMs);
    }

    /** Skips what the log cannot have any more, and on a first start what nobody wants. */
    private void trim(WorkerCQL cql) throws InterruptedException, ExecutionException {
        long nowMs = System.currentTimeMillis();
        Optional<Long> ttlSeconds = cql.fetchTableTTL(assignment.id().getTable()).get();
        long earliestMs = ttlSeconds.map(seconds -> nowMs - seconds * 1000).orElse(0L);
        long lookbackMs = config.getLong(SourceConfig.INITIAL_LOOKBACK_MS);
        if (!resumed && lookbackMs > 0) {
            earliestMs = Math.max(earliestMs, nowMs - lookbackMs);
        }
        state = state.trimTaskState(new Timestamp(new Date(earliestMs)), windowMs);
        trimmed = true;
        LOGGER.info("Reading {} from {}", assignment.id(), state.getWindowStartTimestamp());
    }

    private long waitMs() {
        return state.getWindowEndTimestamp().toDate().getTime() + confidenceMs - System.currentTimeMillis();
    }

    private void readWindow(WorkerCQL cql) throws InterruptedException, ExecutionException {
        WorkerCQL.Reader reader = cql.createReader(new Task(assignment.id(), assignment.streams(), state)).get();
        List<RawChange> change = new ArrayList<>();
        Optional<RawChange> row = reader.nextChange().get();
        while (row.isPresent()) {
            if (!change.isEmpty() && !change.get(0).getId().equals(row.get().getId())) {
                emit(change);
            }
            change.add(row.get());
            row = reader.nextChange().get();
        }
        if (!change.isEmpty()) {
            emit(change);
        }
        state = state.moveToNextWindow(windowMs);
        beat();
    }

    private void emit(List<RawChange> change) throws InterruptedException {
        ChangeId id = change.get(0).getId();
        TaskState after = state.update(id);
        for (SourceRecord record : translator.translate(change, state, after)) {
            queue.put(record);
        }
        state = after;
        change.clear();
    }

    private void beat() throws InterruptedException {
        long nowMs = System.currentTimeMillis();
        if (nowMs - lastHeartbeatMs >= config.getInt(SourceConfig.HEARTBEAT_INTERVAL_MS)) {
            queue.put(Heartbeat.record(config, assignment.id(), state));
            lastHeartbeatMs = nowMs;
        }
    }
}
