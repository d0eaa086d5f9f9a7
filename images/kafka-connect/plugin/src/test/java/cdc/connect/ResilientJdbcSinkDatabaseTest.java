package cdc.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.postgresql.Driver;

/**
 * The transform and the sink task against a real PostgreSQL 15, in a schema of its own that is dropped at the start.
 * CDC_TEST_JDBC_URL (environment or system property) names it: jdbc:postgresql://host:port/database?user=...&password=...
 * with a superuser.
 */
@EnabledIf(value = "hasDatabase", disabledReason = ResilientJdbcSinkDatabaseTest.HOW_TO_ENABLE)
class ResilientJdbcSinkDatabaseTest {

    static final String HOW_TO_ENABLE = "set CDC_TEST_JDBC_URL to the JDBC URL of a PostgreSQL 15 superuser";

    private static final String URL = System.getProperty("CDC_TEST_JDBC_URL", System.getenv("CDC_TEST_JDBC_URL"));
    private static final String SCHEMA = "cdc_plugin_test";
    private static final String WRITER = "cdc_plugin_test_writer";

    private final RecordingContext context = new RecordingContext();
    private final FitToJdbc<SinkRecord> transform = new FitToJdbc<>();
    private final ResilientJdbcSinkTask task = new ResilientJdbcSinkTask();
    private Connection admin;

    static boolean hasDatabase() {
        boolean given = URL != null && !URL.isBlank();
        System.out.println(given ? "Testing against the database of CDC_TEST_JDBC_URL" : "Skipping: " + HOW_TO_ENABLE);
        return given;
    }

    @BeforeEach
    void start() throws SQLException {
        admin = DriverManager.getConnection(URL);
        sql("DROP SCHEMA IF EXISTS " + SCHEMA + " CASCADE", "CREATE SCHEMA " + SCHEMA,
                "DROP ROLE IF EXISTS " + WRITER, "CREATE ROLE " + WRITER + " LOGIN PASSWORD 'first'",
                "CREATE TABLE " + SCHEMA + ".users (id text PRIMARY KEY, age int CHECK (age < 200), created_at timestamptz,"
                        + " tags text[], attributes jsonb)",
                "GRANT USAGE ON SCHEMA " + SCHEMA + " TO " + WRITER,
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + SCHEMA + " TO " + WRITER);
        transform.configure(Map.of("tables", "shop.users=" + SCHEMA + ".users"));
        task.initialize(context);
        startTask("first");
    }

    @AfterEach
    void stop() throws SQLException {
        if (admin != null) {
            task.stop();
            sql("DROP SCHEMA " + SCHEMA + " CASCADE", "DROP ROLE " + WRITER);
            admin.close();
        }
    }

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
        task.stop();
        startTask("second");
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
    void aViolatedConstraintFailsAtOnceAndShowsNoValue() throws SQLException {
        ConnectException failure = permanent(Envelopes.upsert(0, "a", 1), Envelopes.upsert(1, "b", 777_777));
        assertTrue(failure.getMessage().contains("SQLSTATE 23514 table " + SCHEMA + ".users constraint users_age_check"), failure.getMessage());
        assertFalse(failure.getMessage().contains("777777"), failure.getMessage());
        assertEquals(List.of(), rows());
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
        ConnectException failure = assertThrows(ConnectException.class,
                () -> new ResilientJdbcSinkTask().start(SinkProperties.of(url("no_such_database"), WRITER, "first")));
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

    private void startTask(String password) {
        task.start(SinkProperties.of(url(Driver.parseURL(URL, null).getProperty("PGDBNAME")), WRITER, password));
    }

    private void restartTaskWith(String setting) throws SQLException {
        sql("ALTER ROLE " + WRITER + " SET " + setting);
        task.stop();
        startTask("first");
    }

    private static String url(String database) {
        Properties parsed = Driver.parseURL(URL, null);
        return "jdbc:postgresql://" + parsed.getProperty("PGHOST") + ":" + parsed.getProperty("PGPORT") + "/" + database
                + "?stringtype=unspecified&reWriteBatchedInserts=true&logServerErrorDetail=false";
    }

    private void put(SinkRecord... records) {
        task.put(Arrays.stream(records).map(transform::apply).toList());
    }

    private String retriable(SinkRecord... records) {
        RetriableException thrown = assertThrows(RetriableException.class, () -> put(records));
        assertNull(thrown.getCause());
        return thrown.getMessage();
    }

    private ConnectException permanent(SinkRecord... records) {
        ConnectException thrown = assertThrows(ConnectException.class, () -> put(records));
        assertFalse(thrown instanceof RetriableException, thrown.getMessage());
        assertNull(thrown.getCause());
        assertEquals(List.of(), context.timeoutsMs);
        return thrown;
    }

    private void terminateSessions() throws SQLException {
        sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '" + WRITER + "'");
        awaitNoSessions();
    }

    private void awaitNoSessions() throws SQLException {
        long deadlineNs = System.nanoTime() + 10_000_000_000L;
        while (sessions() > 0) {
            assertTrue(System.nanoTime() < deadlineNs, "sessions of " + WRITER + " are still open after 10 s");
            Thread.onSpinWait();
        }
    }

    private long sessions() throws SQLException {
        return Long.parseLong(query("SELECT count(*) FROM pg_stat_activity WHERE usename = '" + WRITER + "'").get(0));
    }

    private List<String> rows() throws SQLException {
        return query("SELECT concat_ws(' ', id, age, coalesce(tags::text, 'null'), coalesce(attributes::text, 'null')) FROM "
                + SCHEMA + ".users ORDER BY id");
    }

    private List<String> query(String text) throws SQLException {
        try (Statement statement = admin.createStatement(); ResultSet result = statement.executeQuery(text)) {
            List<String> rows = new ArrayList<>();
            while (result.next()) {
                rows.add(result.getString(1));
            }
            return rows;
        }
    }

    private void sql(String... statements) throws SQLException {
        try (Statement statement = admin.createStatement()) {
            for (String each : statements) {
                statement.execute(each);
            }
        }
    }
}
