package cdc.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.postgresql.Driver;

/**
 * The transform and the sink task against a real PostgreSQL 15, in a schema of its own that is dropped at the start.
 * CDC_TEST_JDBC_URL (environment or system property) names it: jdbc:postgresql://host:port/database?user=...&password=...
 * with a superuser. {@code make test-java} starts one.
 */
abstract class DatabaseTestBase {

    static final String SCHEMA = "cdc_plugin_test";
    static final String WRITER = "cdc_plugin_test_writer";

    private static final String URL = System.getProperty("CDC_TEST_JDBC_URL", System.getenv("CDC_TEST_JDBC_URL"));

    final RecordingContext context = new RecordingContext();
    final FitToJdbc<SinkRecord> transform = new FitToJdbc<>();
    ResilientJdbcSinkTask task = new ResilientJdbcSinkTask();
    private Connection admin;

    @BeforeEach
    void start() throws SQLException {
        assertNotNull(URL, "Set CDC_TEST_JDBC_URL to the JDBC URL of a PostgreSQL 15 superuser, or run `make test-java`, which starts one");
        admin = DriverManager.getConnection(URL);
        sql("DROP SCHEMA IF EXISTS " + SCHEMA + " CASCADE", "CREATE SCHEMA " + SCHEMA,
                "DROP ROLE IF EXISTS " + WRITER, "CREATE ROLE " + WRITER + " LOGIN PASSWORD 'first'",
                "CREATE TABLE " + SCHEMA + ".users (id text PRIMARY KEY, age int CHECK (age < 200), created_at timestamptz,"
                        + " tags text[], attributes jsonb)",
                "GRANT USAGE ON SCHEMA " + SCHEMA + " TO " + WRITER,
                "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA " + SCHEMA + " TO " + WRITER);
        transform.configure(Map.of("tables", "shop.users=" + SCHEMA + ".users"));
        startTask("first", Map.of());
    }

    @AfterEach
    void stop() throws SQLException {
        if (admin != null) {
            task.stop();
            sql("DROP SCHEMA " + SCHEMA + " CASCADE", "DROP ROLE " + WRITER);
            admin.close();
        }
    }

    /** Stops the task and starts another one, as Connect does. */
    void startTask(String password, Map<String, String> more) {
        task.stop();
        Map<String, String> properties = new HashMap<>(SinkProperties.of(url(database()), WRITER, password));
        properties.putAll(more);
        task = new ResilientJdbcSinkTask();
        task.initialize(context);
        task.start(properties);
    }

    void restartTaskWith(String setting) throws SQLException {
        sql("ALTER ROLE " + WRITER + " SET " + setting);
        startTask("first", Map.of());
    }

    static String database() {
        return Driver.parseURL(URL, null).getProperty("PGDBNAME");
    }

    static String url(String database) {
        Properties parsed = Driver.parseURL(URL, null);
        return "jdbc:postgresql://" + parsed.getProperty("PGHOST") + ":" + parsed.getProperty("PGPORT") + "/" + database
                + "?stringtype=unspecified&reWriteBatchedInserts=true&logServerErrorDetail=false";
    }

    void put(SinkRecord... records) {
        put(Arrays.asList(records));
    }

    void put(List<SinkRecord> records) {
        task.put(records.stream().map(transform::apply).toList());
    }

    String retriable(SinkRecord... records) {
        RetriableException thrown = assertThrows(RetriableException.class, () -> put(records));
        assertNull(thrown.getCause());
        return thrown.getMessage();
    }

    ConnectException permanent(SinkRecord... records) {
        ConnectException thrown = assertThrows(ConnectException.class, () -> put(records));
        assertFalse(thrown instanceof RetriableException, thrown.getMessage());
        assertNull(thrown.getCause());
        assertEquals(List.of(), context.timeoutsMs);
        return thrown;
    }

    void terminateSessions() throws SQLException {
        sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '" + WRITER + "'");
        awaitNoSessions();
    }

    void awaitNoSessions() throws SQLException {
        long deadlineNs = System.nanoTime() + 10_000_000_000L;
        while (sessions() > 0) {
            assertTrue(System.nanoTime() < deadlineNs, "sessions of " + WRITER + " are still open after 10 s");
            Thread.onSpinWait();
        }
    }

    long sessions() throws SQLException {
        return Long.parseLong(query("SELECT count(*) FROM pg_stat_activity WHERE usename = '" + WRITER + "'").get(0));
    }

    List<String> rows() throws SQLException {
        return query("SELECT concat_ws(' ', id, age, coalesce(tags::text, 'null'), coalesce(attributes::text, 'null')) FROM "
                + SCHEMA + ".users ORDER BY id");
    }

    List<String> query(String text) throws SQLException {
        try (Statement statement = admin.createStatement(); ResultSet result = statement.executeQuery(text)) {
            List<String> rows = new ArrayList<>();
            while (result.next()) {
                rows.add(result.getString(1));
            }
            return rows;
        }
    }

    void sql(String... statements) throws SQLException {
        try (Statement statement = admin.createStatement()) {
            for (String each : statements) {
                statement.execute(each);
            }
        }
    }
}
