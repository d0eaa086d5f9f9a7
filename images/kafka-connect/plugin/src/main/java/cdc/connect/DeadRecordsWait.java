package cdc.connect;

import java.time.Clock;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTaskContext;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Tries a refused record again until the database takes it. What follows in its topic partition waits behind it, so that
 * later records of its key do; the other partitions go on. Nothing of it is remembered anywhere but in the committed
 * offset, which stays at the refused record.
 */
final class DeadRecordsWait implements DeadRecords {

    static final long FIRST_PAUSE_MS = 1_000;
    static final long LONGEST_PAUSE_MS = 60_000;

    private static final Logger LOGGER = LoggerFactory.getLogger(DeadRecordsWait.class);

    private record Hold(long offset, int refusals, long nextTryMs) {
    }

    private record Refusal(long offset, String reason) {
    }

    private final SinkTaskContext context;
    private final Clock clock;
    private final Map<TopicPartition, Hold> holds = new HashMap<>();
    private final Map<TopicPartition, Refusal> refusedNow = new HashMap<>();

    DeadRecordsWait(SinkTaskContext context, Clock clock) {
        this.context = context;
        this.clock = clock;
    }

    @Override
    public void begin() {
        refusedNow.clear();
        holds.forEach((partition, hold) -> {
            if (hold.nextTryMs <= clock.millis()) {
                context.resume(partition);
            }
        });
    }

    @Override
    public List<SinkRecord> alive(List<SinkRecord> records) {
        return refusedNow.isEmpty() ? records
                : records.stream().filter(record -> !refusedNow.containsKey(Place.of(record).partition())).toList();
    }

    @Override
    public void bury(SinkRecord record, String reason) {
        Place place = Place.of(record);
        refusedNow.put(place.partition(), new Refusal(place.offset(), reason));
    }

    @Override
    public void end(List<SinkRecord> records) {
        if (!holds.isEmpty()) {
            records.stream().map(Place::of).forEach(this::release);
        }
        refusedNow.forEach(this::hold);
        refusedNow.clear();
    }

    @Override
    public Map<TopicPartition, OffsetAndMetadata> acknowledgeable(Map<TopicPartition, OffsetAndMetadata> offsets) {
        Map<TopicPartition, OffsetAndMetadata> allowed = new HashMap<>(offsets);
        holds.forEach((partition, hold) -> allowed.computeIfPresent(partition,
                (key, given) -> given.offset() > hold.offset ? new OffsetAndMetadata(hold.offset) : given));
        return allowed;
    }

    @Override
    public void forget(Collection<TopicPartition> partitions) {
        partitions.forEach(holds::remove);
    }

    private void release(Place written) {
        Hold hold = holds.get(written.partition());
        if (hold != null && hold.offset == written.offset() && !refusedNow.containsKey(written.partition())) {
            LOGGER.info("The database takes {} after {} refusals; its partition goes on", written, hold.refusals);
            holds.remove(written.partition());
        }
    }

    private void hold(TopicPartition partition, Refusal refusal) {
        Hold before = holds.get(partition);
        int refusals = before != null && before.offset == refusal.offset ? before.refusals + 1 : 1;
        long pauseMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS << Math.min(refusals - 1, 10));
        holds.put(partition, new Hold(refusal.offset, refusals, clock.millis() + pauseMs));
        context.offset(partition, refusal.offset);
        context.pause(partition);
        LOGGER.warn("The database refuses {} ({} times now); its partition waits, next try in {} ms: {}",
                new Place(partition.topic(), partition.partition(), refusal.offset), refusals, pauseMs, refusal.reason);
    }
}
