package cdc.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;

class DeadRecordsWaitTest {

    private static final TopicPartition FIRST = new TopicPartition(Envelopes.TOPIC, 0);
    private static final TopicPartition SECOND = new TopicPartition(Envelopes.TOPIC, 1);

    private final RecordingContext context = new RecordingContext();
    private final SettableClock clock = new SettableClock();
    private final DeadRecordsWait dead = new DeadRecordsWait(context, clock);

    @Test
    void theRestOfThePartitionWaitsAndTheOthersGoOn() {
        dead.begin();
        dead.bury(record(FIRST, 4), "x");
        List<SinkRecord> later = List.of(record(FIRST, 5), record(SECOND, 5));
        assertEquals(List.of(SECOND), dead.alive(later).stream().map(each -> Place.of(each).partition()).toList());
        dead.end(later);
        assertEquals(Map.of(FIRST, 4L), context.soughtOffsets);
        assertEquals(Set.of(FIRST.toString()), context.paused);
        assertEquals(List.of(), context.reported);
    }

    @Test
    void noOffsetBehindTheRefusedRecordIsAcknowledged() {
        refuse(4);
        assertEquals(Map.of(FIRST, new OffsetAndMetadata(4), SECOND, new OffsetAndMetadata(9)),
                dead.acknowledgeable(Map.of(FIRST, new OffsetAndMetadata(7), SECOND, new OffsetAndMetadata(9))));
    }

    @Test
    void theRecordIsTriedAgainAfterAPauseThatGrows() {
        for (long pauseMs : new long[]{1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000}) {
            refuse(4);
            clock.pass(pauseMs - 1);
            dead.begin();
            assertEquals(Set.of(FIRST.toString()), context.paused);
            clock.pass(1);
            dead.begin();
            assertEquals(Set.of(), context.paused);
        }
    }

    @Test
    void aRecordThatIsTakenReleasesItsPartition() {
        refuse(4);
        clock.pass(1_000);
        dead.begin();
        dead.end(List.of(record(FIRST, 4), record(FIRST, 5)));
        Map<TopicPartition, OffsetAndMetadata> offsets = Map.of(FIRST, new OffsetAndMetadata(6));
        assertEquals(offsets, dead.acknowledgeable(offsets));
    }

    @Test
    void anotherRecordOfThePartitionDoesNotReleaseIt() {
        refuse(4);
        dead.begin();
        dead.end(List.of(record(FIRST, 3)));
        assertEquals(4, dead.acknowledgeable(Map.of(FIRST, new OffsetAndMetadata(6))).get(FIRST).offset());
    }

    @Test
    void theNextRefusedRecordOfThePartitionStartsWithASmallPause() {
        refuse(4);
        clock.pass(1_000);
        dead.begin();
        dead.bury(record(FIRST, 5), "x");
        dead.end(List.of(record(FIRST, 4), record(FIRST, 5)));
        assertEquals(Map.of(FIRST, 5L), context.soughtOffsets);
        clock.pass(1_000);
        dead.begin();
        assertTrue(context.paused.isEmpty());
    }

    @Test
    void aBatchThatComesAgainHoldsNothingYet() {
        dead.begin();
        dead.bury(record(FIRST, 4), "x");
        dead.begin();
        assertEquals(1, dead.alive(List.of(record(FIRST, 4))).size());
        assertEquals(Set.of(), context.paused);
    }

    @Test
    void aPartitionThatMovedIsForgotten() {
        refuse(4);
        dead.forget(List.of(FIRST));
        Map<TopicPartition, OffsetAndMetadata> offsets = Map.of(FIRST, new OffsetAndMetadata(6));
        assertEquals(offsets, dead.acknowledgeable(offsets));
    }

    private void refuse(long offset) {
        dead.begin();
        dead.bury(record(FIRST, offset), "x");
        dead.end(List.of(record(FIRST, offset)));
    }

    private static SinkRecord record(TopicPartition partition, long offset) {
        return new SinkRecord(partition.topic(), partition.partition(), null, null, null, null, offset, 1L, TimestampType.CREATE_TIME);
    }

    private static final class SettableClock extends Clock {

        private Instant now = Instant.EPOCH;

        void pass(long ms) {
            now = now.plus(Duration.ofMillis(ms));
        }

        @Override
        public ZoneId getZone() {
            return ZoneOffset.UTC;
        }

        @Override
        public Clock withZone(ZoneId zone) {
            return this;
        }

        @Override
        public Instant instant() {
            return now;
        }
    }
}
