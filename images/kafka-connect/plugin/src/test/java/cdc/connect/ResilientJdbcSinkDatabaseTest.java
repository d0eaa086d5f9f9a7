package cdc.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;

/** Writes, outages and faults of the whole table. */
class ResilientJdbcSinkDatabaseTest extends DatabaseTestBase {

    @Test
    void anUpsertIsCommittedWhenPutReturns() throws SQLException {
        put(Envelopes.upsert(0, "a", 7, "x", "y"));
        assertEquals(List.of("a 7 {x,y} {\"colour\": \"red\"}"), rows());
    }

    @Test
    void aDeleteThatComesFirstWithoutImagesDeletes() throws SQLException {
        sql("INSERT INTO " + SCHEMA + ".users (id, age) VALUES ('a', 1), ('b', 2)");
        put(Envelopes.delete(0, "a"));
        assertEquals(List.of("b 2 null null"), rows());
    }

    @Test
    void deleteAndReinsertInOneBatchEndsInserted() throws SQLException {
        put(Envelopes.upsert(0, "a", 1, "old"), Envelopes.delete(1, "a"), Envelopes.upsert(2, "a", 2),
                Envelopes.upsert(3, "b", 1), Envelopes.delete(4, "b"));
        assertEquals(List.of("a 2 {} {\"colour\": \"red\"}"), rows());
    }

    @Test
    void theLastOfManyChangesOfARowInOneBatchWins() throws SQLException {
        List<SinkRecord> burst = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            burst.add(Envelopes.upsert(i, "k" + i % 5, i));
        }
        put(burst.toArray(new SinkRecord[0]));
        assertEquals(List.of(95, 96, 97, 98, 99), rows().stream().map(row -> Integer.parseInt(row.split(" ")[1])).toList());
    }

    @Test
    void killedSessionsCostOneRetryAndNoRow() throws SQLException {
        put(Envelopes.upsert(0, "a", 1));
        terminateSessions();
        assertTrue(retriable(Envelopes.upsert(1, "a", 2), Envelopes.upsert(2, "b", 1)).contains("SQLSTATE"));
        assertEquals(List.of(500L), context.timeoutsMs);
        assertEquals(List.of("a 1 {} {\"colour\": \"red\"}"), rows());
        put(Envelopes.upsert(1, "a", 2), Envelopes.upsert(2, "b", 1));
        assertEquals(List.of("a 2 {} {\"colour\": \"red\"}", "b 1 {} {\"colour\": \"red\"}"), rows());
    }

    @Test
    void pausesStartSmallAgainAfterARecovery() throws SQLException {
        for (int round = 0; round < 2; round++) {
            put(Envelopes.upsert(0, "a", 1));
            terminateSessions();
            retriable(Envelopes.upsert(1, "a", 2));
        }
        assertEquals(List.of(500L, 500L), context.timeoutsMs);
    }

    @Test
    void aRefusedLoginIsRetriedUntilThePasswordFits() throws SQLException {
        put(Envelopes.upsert(0, "a", 1));
        sql("ALTER ROLE " + WRITER + " PASSWORD 'second'");
        terminateSessions();
        retriable(Envelopes.upsert(1, "a", 2));
        assertTrue(retriable(Envelopes.upsert(1, "a", 2)).contains("28P01"));
        startTask("second", Map.of());
        put(Envelopes.upsert(1, "a", 2));
        assertEquals(List.of("a 2 {} {\"colour\": \"red\"}"), rows());
    }

    @Test
    void aLockThatTakesTooLongIsRetried() throws SQLException {
        restartTaskWith("lock_timeout = '200ms'");
        sql("BEGIN", "LOCK TABLE " + SCHEMA + ".users IN SHARE MODE");
        assertTrue(retriable(Envelopes.upsert(0, "a", 1)).contains("55P03"));
        sql("COMMIT");
        put(Envelopes.upsert(0, "a", 1));
        assertEquals(1, rows().size());
    }

    @Test
    void aServerThatBecameReadOnlyIsRetried() throws SQLException {
        restartTaskWith("default_transaction_read_only = on");
        assertTrue(retriable(Envelopes.upsert(0, "a", 1)).contains("25006"));
    }

    @Test
    void aMissingTableFailsAtOnceByName() throws SQLException {
        sql("DROP TABLE " + SCHEMA + ".users");
        assertTrue(permanent(Envelopes.upsert(0, "a", 1)).getMessage().contains(SCHEMA), "names the table");
    }

    @Test
    void aMissingRightFailsAtOnce() throws SQLException {
        sql("REVOKE INSERT ON " + SCHEMA + ".users FROM " + WRITER);
        assertTrue(permanent(Envelopes.upsert(0, "a", 1)).getMessage().contains("42501"));
    }

    @Test
    void aMissingDatabaseFailsTheStartByNameAndShowsNoPassword() {
        ResilientJdbcSinkTask other = new ResilientJdbcSinkTask();
        other.initialize(context);
        ConnectException failure = assertThrows(ConnectException.class,
                () -> other.start(SinkProperties.of(url("no_such_database"), WRITER, "first")));
        assertTrue(failure.getMessage().contains("no_such_database: SQLSTATE 3D000"), failure.getMessage());
        assertFalse(failure.getMessage().contains("first"), failure.getMessage());
    }

    @Test
    void theFirstSessionIsOpenWhenTheTaskHasStarted() throws SQLException {
        assertTrue(sessions() > 0);
    }

    @Test
    void stoppingClosesEverySession() throws SQLException {
        put(Envelopes.upsert(0, "a", 1));
        assertTrue(sessions() > 0);
        task.stop();
        awaitNoSessions();
    }
}
