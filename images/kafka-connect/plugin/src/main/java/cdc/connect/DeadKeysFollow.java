package cdc.connect;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * Sends a refused record to the dead letter queue, and every later record of its key after it.
 *
 * <p>Dead keys are known until the task stops, the newest {@value #MOST_DEAD_KEYS} of them. Then the next record of such
 * a key is tried again, which is safe: each carries its whole row.
 */
final class DeadKeysFollow implements DeadRecords {

    static final int MOST_DEAD_KEYS = 100_000;

    private record Key(String topic, Object value) {

        static Key of(SinkRecord record) {
            return new Key(record.topic(), record.key());
        }
    }

    private record Grave(Place place, String reason) {
    }

    private final ErrantRecordReporter queue;
    /** Each with the record that died first. */
    private final Map<Key, Grave> deadKeys = new LinkedHashMap<>() {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Key, Grave> eldest) {
            return size() > MOST_DEAD_KEYS;
        }
    };
    /** What of the current batch is in the queue, so that it is not put there again when the batch comes again. */
    private final Set<Place> reported = new HashSet<>();
    private final List<Future<Void>> sending = new ArrayList<>();

    /** Without a queue (null), burying throws the reason. */
    DeadKeysFollow(ErrantRecordReporter queue) {
        this.queue = queue;
    }

    @Override
    public void begin() {
        sending.clear();
    }

    @Override
    public List<SinkRecord> alive(List<SinkRecord> records) {
        if (deadKeys.isEmpty()) {
            return records;
        }
        List<SinkRecord> alive = new ArrayList<>(records.size());
        for (SinkRecord record : records) {
            Grave grave = deadKeys.get(Key.of(record));
            if (grave == null || Place.of(record).offset() < grave.place.offset()) {
                alive.add(record);
            }
            else if (!reported.contains(Place.of(record))) {
                report(record, grave);
            }
        }
        return alive;
    }

    @Override
    public void bury(SinkRecord record, String reason) {
        Grave grave = new Grave(Place.of(record), reason);
        deadKeys.put(Key.of(record), grave);
        report(record, grave);
    }

    @Override
    public void end(List<SinkRecord> records) {
        try {
            for (Future<Void> each : sending) {
                each.get();
            }
            reported.clear();
        }
        catch (ExecutionException e) {
            reported.clear();
            throw new RetriableException("The dead letter queue cannot be written ("
                    + e.getCause().getClass().getSimpleName() + "); " + records.size() + " records wait");
        }
        catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new ConnectException("Interrupted while writing to the dead letter queue");
        }
    }

    @Override
    public Map<TopicPartition, OffsetAndMetadata> acknowledgeable(Map<TopicPartition, OffsetAndMetadata> offsets) {
        return offsets;
    }

    @Override
    public void forget(Collection<TopicPartition> partitions) {
        // A dead key of a partition that is elsewhere now does no harm here.
    }

    private void report(SinkRecord record, Grave grave) {
        Place place = Place.of(record);
        DataException reason = place.equals(grave.place)
                ? new RefusedRecordException("The database refuses " + place + ": " + grave.reason)
                : new DeadKeyException("Follows " + grave.place + ", which has the same key and which the database refused");
        if (queue == null) {
            throw reason;
        }
        sending.add(queue.report(record, reason));
        reported.add(place);
    }
}
