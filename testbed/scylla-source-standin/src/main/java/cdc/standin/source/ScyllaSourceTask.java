package cdc.standin.source;

import com.scylladb.cdc.model.worker.TaskState;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;

/** Reads the parts of the CDC log that the connector assigned, several of them at a time. */
public final class ScyllaSourceTask extends SourceTask {
    private static final int MAX_THREADS = 4;
    private static final long STOP_TIMEOUT_SECONDS = 5;

    private SourceConfig config;
    private BlockingQueue<SourceRecord> queue;
    private ScheduledExecutorService scheduler;
    private SharedSession session;

    @Override
    public String version() {
        return Envelope.VERSION;
    }

    @Override
    public void start(Map<String, String> properties) {
        config = new SourceConfig(properties);
        queue = new LinkedBlockingQueue<>(config.getInt(SourceConfig.MAX_QUEUE_SIZE));
        session = new SharedSession(config);
        List<Assignment> assignments = Assignment.parseAll(config.getString(SourceConfig.ASSIGNMENT));
        List<Map<String, String>> partitions =
                assignments.stream().map(assignment -> SourceOffset.partition(assignment.id())).toList();
        Map<Map<String, String>, Map<String, Object>> offsets = context.offsetStorageReader().offsets(partitions);
        // Threads wait for answers and for room in the queue: a few of them keep two cores busy.
        int threads = Math.max(1, Math.min(assignments.size(), MAX_THREADS));
        scheduler = Executors.newScheduledThreadPool(threads, runnable -> {
            Thread thread = new Thread(runnable, "scylla-cdc-reader-" + config.topicPrefix());
            thread.setDaemon(true);
            return thread;
        });
        for (Assignment assignment : assignments) {
            Map<String, Object> offset = offsets.get(SourceOffset.partition(assignment.id()));
            TaskState stored = offset == null ? null : SourceOffset.parse(offset);
            new VNodeReader(config, assignment, stored, session, queue, scheduler).schedule(0);
        }
    }

    @Override
    public List<SourceRecord> poll() throws InterruptedException {
        SourceRecord first = queue.poll(config.getLong(SourceConfig.POLL_INTERVAL_MS), TimeUnit.MILLISECONDS);
        if (first == null) {
            return null;
        }
        List<SourceRecord> batch = new ArrayList<>();
        batch.add(first);
        queue.drainTo(batch, config.getInt(SourceConfig.MAX_BATCH_SIZE) - 1);
        return batch;
    }

    @Override
    public void stop() {
        if (scheduler == null) {
            return;
        }
        scheduler.shutdownNow();
        try {
            scheduler.awaitTermination(STOP_TIMEOUT_SECONDS, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        session.close();
    }
}
