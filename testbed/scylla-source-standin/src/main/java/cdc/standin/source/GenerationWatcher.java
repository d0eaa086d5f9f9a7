package cdc.standin.source;

import com.scylladb.cdc.model.GenerationId;
import com.scylladb.cdc.model.TableName;
import com.scylladb.cdc.model.TaskId;
import com.scylladb.cdc.model.Timestamp;
import com.scylladb.cdc.transport.GroupedTasks;
import com.scylladb.cdc.transport.MasterTransport;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.source.SourceConnectorContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Follows the generations of CDC streams with the library's master, and asks for new tasks when one begins. */
public final class GenerationWatcher implements MasterTransport, AutoCloseable {
    private static final Logger LOGGER = LoggerFactory.getLogger(GenerationWatcher.class);
    private static final long FIRST_GENERATION_TIMEOUT_MS = 10_000;
    private static final long STOP_TIMEOUT_MS = 5_000;
    private static final long INTERRUPT_EVERY_MS = 200;
    private static final long RECONNECT_MS = 2_000;

    private final SourceConfig config;
    private final SourceConnectorContext context;
    private final CountDownLatch firstGeneration = new CountDownLatch(1);
    private final Thread thread = new Thread(this::watch, "scylla-cdc-generations");
    private volatile GroupedTasks generation;
    private volatile boolean closed;

    public GenerationWatcher(SourceConfig config, SourceConnectorContext context) {
        this.config = config;
        this.context = context;
        thread.setDaemon(true);
    }

    public void start() {
        thread.start();
    }

    /**
     * The streams to read now.
     *
     * @throws ConnectException if none are known yet; Kafka Connect then keeps the tasks that it has and asks again
     */
    public GroupedTasks awaitGeneration() {
        try {
            if (!firstGeneration.await(FIRST_GENERATION_TIMEOUT_MS, TimeUnit.MILLISECONDS)) {
                throw new ConnectException("No CDC streams could be read from ScyllaDB at "
                        + config.getList(SourceConfig.CONTACT_POINTS) + " within " + FIRST_GENERATION_TIMEOUT_MS + " ms");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ConnectException("stopped while waiting for CDC streams", e);
        }
        return generation;
    }

    private void watch() {
        while (!closed) {
            try (ScyllaSession session = new ScyllaSession(config)) {
                session.master(this).run();
            } catch (RuntimeException e) {
                LOGGER.warn("Cannot follow CDC generations, next attempt in {} ms: {}", RECONNECT_MS, e.toString());
                pause();
            }
        }
    }

    private void pause() {
        try {
            Thread.sleep(RECONNECT_MS);
        } catch (InterruptedException e) {
            LOGGER.debug("woken by close()");
        }
    }

    @Override
    public Optional<GenerationId> getCurrentGenerationId() {
        return Optional.ofNullable(generation).map(GroupedTasks::getGenerationId);
    }

    @Override
    public Optional<GenerationId> getCurrentGenerationId(TableName table) {
        return getCurrentGenerationId();
    }

    /** Whether all tasks have committed offsets beyond the given time, so that the next generation may begin. */
    @Override
    public boolean areTasksFullyConsumedUntil(Set<TaskId> tasks, Timestamp until) {
        return tasks.stream().allMatch(task -> {
            Map<String, Object> offset = context.offsetStorageReader().offset(SourceOffset.partition(task));
            return offset != null && SourceOffset.parse(offset).hasPassed(until);
        });
    }

    @Override
    public void configureWorkers(GroupedTasks tasks) {
        if (closed) {
            return;
        }
        generation = tasks;
        boolean isFirst = firstGeneration.getCount() > 0;
        firstGeneration.countDown();
        LOGGER.info("Generation {} has {} parts to read", tasks.getGenerationId(), tasks.size());
        if (!isFirst) {
            context.requestTaskReconfiguration();
        }
    }

    @Override
    public void configureWorkers(TableName table, GroupedTasks tasks) {
        throw new UnsupportedOperationException("the stand-in does not read tables that use tablets: " + table);
    }

    @Override
    public void stopWorkers() {
        // The next generation replaces the tasks.
    }

    @Override
    public void close() {
        closed = true;
        long deadlineMs = System.currentTimeMillis() + STOP_TIMEOUT_MS;
        try {
            // The library's master takes an interrupt during a query for one more error, and goes on.
            while (thread.isAlive() && System.currentTimeMillis() < deadlineMs) {
                thread.interrupt();
                thread.join(INTERRUPT_EVERY_MS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
