package cdc.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;

class DeadKeysFollowTest {

    private final RecordingContext context = new RecordingContext();
    private final DeadKeysFollow dead = new DeadKeysFollow(context.errantRecordReporter());

    @Test
    void aRefusedRecordIsReportedWithItsPlaceAndReason() {
        refuse(Envelopes.upsert(4, "a", 1));
        assertEquals(List.of(4L), context.reportedOffsets());
        assertInstanceOf(RefusedRecordException.class, context.reported.get(0).reason());
        assertEquals("The database refuses record cdc.shop.users-0@4: SQLSTATE 23514", context.reported.get(0).reason().getMessage());
    }

    @Test
    void laterRecordsOfItsKeyFollowAndOthersDoNot() {
        refuse(Envelopes.upsert(4, "a", 1));
        List<SinkRecord> alive = batch(Envelopes.upsert(5, "b", 1), Envelopes.upsert(6, "a", 2), Envelopes.delete(7, "a"));
        assertEquals(List.of(5L), alive.stream().map(SinkRecord::kafkaOffset).toList());
        assertEquals(List.of(4L, 6L, 7L), context.reportedOffsets());
        assertInstanceOf(DeadKeyException.class, context.reported.get(2).reason());
        assertTrue(context.reported.get(2).reason().getMessage().startsWith("Follows record cdc.shop.users-0@4"));
    }

    @Test
    void earlierRecordsOfItsKeyThatComeAgainDoNotFollow() {
        refuse(Envelopes.upsert(4, "a", 1));
        assertEquals(1, batch(Envelopes.upsert(3, "a", 0)).size());
    }

    @Test
    void theSameKeyInAnotherTableIsAlive() {
        refuse(Envelopes.upsert(4, "a", 1));
        SinkRecord other = Envelopes.upsert(5, "a", 1).newRecord("cdc.shop.orders", 0, Envelopes.KEY, Envelopes.key("a"), null, null, 1L);
        assertEquals(1, batch(other).size());
    }

    @Test
    void aBatchThatComesAgainReportsNothingTwice() {
        SinkRecord refused = Envelopes.upsert(4, "a", 1);
        SinkRecord follower = Envelopes.upsert(5, "a", 2);
        for (int delivery = 0; delivery < 2; delivery++) {
            dead.begin();
            if (dead.alive(List.of(refused)).size() == 1) {
                dead.bury(refused, "x");
            }
            dead.alive(List.of(follower));
        }
        dead.end(List.of(refused, follower));
        assertEquals(List.of(4L, 5L), context.reportedOffsets());
    }

    @Test
    void aQueueThatCannotBeWrittenKeepsTheBatchAndItsReasons() {
        context.queueFailure = new RecordTooLargeException("x");
        SinkRecord refused = Envelopes.upsert(4, "a", 1);
        RetriableException failure = assertThrows(RetriableException.class, () -> refuse(refused));
        assertTrue(failure.getMessage().contains("RecordTooLargeException"), failure.getMessage());
        context.queueFailure = null;
        batch(refused);
        assertInstanceOf(RefusedRecordException.class, context.reported.get(0).reason());
    }

    @Test
    void withoutAQueueTheReasonIsThrown() {
        DeadKeysFollow none = new DeadKeysFollow(null);
        none.begin();
        assertThrows(RefusedRecordException.class, () -> none.bury(Envelopes.upsert(4, "a", 1), "x"));
    }

    @Test
    void theNumberOfRememberedKeysIsBounded() {
        for (int i = 0; i <= DeadKeysFollow.MOST_DEAD_KEYS; i++) {
            refuse(Envelopes.upsert(i, "k" + i, 1));
        }
        assertEquals(1, batch(Envelopes.upsert(1_000_000, "k0", 1)).size());
        assertEquals(0, batch(Envelopes.upsert(1_000_001, "k1", 1)).size());
    }

    private void refuse(SinkRecord record) {
        dead.begin();
        dead.bury(record, "SQLSTATE 23514");
        dead.end(List.of(record));
    }

    private List<SinkRecord> batch(SinkRecord... records) {
        dead.begin();
        List<SinkRecord> alive = dead.alive(List.of(records));
        dead.end(List.of(records));
        return alive;
    }
}
