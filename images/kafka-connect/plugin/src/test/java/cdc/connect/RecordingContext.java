package cdc.connect;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTaskContext;

/** A task context that remembers what a task asked for, with a dead letter queue in memory. */
final class RecordingContext implements SinkTaskContext {

    record Reported(SinkRecord record, Throwable reason) {

        long offset() {
            return record.kafkaOffset();
        }
    }

    final List<Long> timeoutsMs = new ArrayList<>();
    final List<Reported> reported = new ArrayList<>();
    final Map<TopicPartition, Long> soughtOffsets = new HashMap<>();
    final Set<String> paused = new TreeSet<>();
    boolean hasQueue = true;
    /** What writing to the queue fails with. */
    RuntimeException queueFailure;

    @Override
    public Map<String, String> configs() {
        return Map.of();
    }

    @Override
    public void offset(Map<TopicPartition, Long> offsets) {
        soughtOffsets.putAll(offsets);
    }

    @Override
    public void offset(TopicPartition partition, long offset) {
        soughtOffsets.put(partition, offset);
    }

    @Override
    public void timeout(long timeoutMs) {
        timeoutsMs.add(timeoutMs);
    }

    @Override
    public Set<TopicPartition> assignment() {
        return Set.of();
    }

    @Override
    public void pause(TopicPartition... partitions) {
        for (TopicPartition partition : partitions) {
            paused.add(partition.toString());
        }
    }

    @Override
    public void resume(TopicPartition... partitions) {
        for (TopicPartition partition : partitions) {
            paused.remove(partition.toString());
        }
    }

    @Override
    public void requestCommit() {
        throw new UnsupportedOperationException();
    }

    @Override
    public ErrantRecordReporter errantRecordReporter() {
        return hasQueue ? (record, reason) -> {
            if (queueFailure != null) {
                return CompletableFuture.failedFuture(queueFailure);
            }
            reported.add(new Reported(record, reason));
            return CompletableFuture.completedFuture(null);
        } : null;
    }

    List<Long> reportedOffsets() {
        return reported.stream().map(Reported::offset).toList();
    }
}
