package cdc.connect;

import io.debezium.connector.jdbc.JdbcSinkConnector;
import io.debezium.connector.jdbc.JdbcSinkConnectorConfig;
import io.debezium.connector.jdbc.JdbcSinkConnectorTask;
import java.sql.SQLException;
import java.util.Collection;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.postgresql.Driver;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes batches through Debezium's sink task and replaces that task whenever the database fails it.
 *
 * <p>A passing fault becomes a {@link RetriableException}: Connect keeps the batch, keeps polling and delivers the same
 * batch again after a back-off, for as long as the outage lasts. Anything else becomes a {@link ConnectException} that
 * names the fault but no row value, and carries no cause, since Connect shows the whole trace to everybody.
 *
 * <p>{@link #put} returns normally only when its whole batch is committed in the database. Connect counts a batch as
 * delivered only then, so the inherited preCommit, which acknowledges what Connect counted, is right. Debezium's own
 * preCommit is not asked.
 */
public final class ResilientJdbcSinkTask extends SinkTask {

    static final long FIRST_BACKOFF_MS = 500;
    static final long LONGEST_BACKOFF_MS = 10_000;

    private static final Logger LOGGER = LoggerFactory.getLogger(ResilientJdbcSinkTask.class);
    private static final String LOGIN_TIMEOUT_SECONDS = "5";

    private Map<String, String> properties;
    /** Null while the database is down: the task starts and lives without it. */
    private JdbcSinkConnectorTask sink;
    private int failedAttempts;

    @Override
    public String version() {
        return new JdbcSinkConnector().version();
    }

    @Override
    public void start(Map<String, String> properties) {
        new JdbcSinkConnectorConfig(properties).validate();
        if (!properties.get(JdbcSinkConnectorConfig.CONNECTION_URL).startsWith("jdbc:postgresql:")) {
            throw new ConnectException("Property '" + JdbcSinkConnectorConfig.CONNECTION_URL
                    + "' must begin with jdbc:postgresql: (this sink knows the errors of PostgreSQL only)");
        }
        this.properties = properties;
        try {
            open();
        }
        catch (SQLException | RuntimeException e) {
            close();
            if (!DatabaseFaults.isTransient(e)) {
                throw new ConnectException("Cannot open " + database() + ": " + DatabaseFaults.describe(e));
            }
            LOGGER.warn("The task starts before {} answers: {}", database(), DatabaseFaults.describe(e));
        }
    }

    @Override
    public void put(Collection<SinkRecord> records) {
        if (records.isEmpty()) {
            return;
        }
        Throwable failure = write(records);
        if (failure == null) {
            if (failedAttempts > 0) {
                LOGGER.info("The database accepts writes again after {} failed attempts", failedAttempts);
                failedAttempts = 0;
            }
            return;
        }
        close();
        if (!DatabaseFaults.isTransient(failure)) {
            throw new ConnectException("Cannot write " + extent(records) + " to " + database() + ": "
                    + DatabaseFaults.describe(failure));
        }
        long backoffMs = backoffMs(failedAttempts++);
        if (DatabaseFaults.isLoginRefused(failure)) {
            LOGGER.warn("PostgreSQL refuses the login of '{}'. Still trying. If the password was rotated, restart the"
                    + " connector so that it reads the new one", properties.get(JdbcSinkConnectorConfig.CONNECTION_USER));
        }
        context.timeout(backoffMs);
        throw new RetriableException("Attempt " + failedAttempts + " to write " + extent(records) + " to " + database()
                + " failed, next within " + backoffMs + " ms: " + DatabaseFaults.describe(failure));
    }

    @Override
    public void stop() {
        close();
    }

    /** The pause after the given number of earlier failures in a row. */
    static long backoffMs(int earlierFailures) {
        return Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS << Math.min(earlierFailures, 10));
    }

    /** Returns what failed, or null when the batch is committed. */
    private Throwable write(Collection<SinkRecord> records) {
        try {
            if (sink == null) {
                open();
            }
            sink.put(records);
            // Debezium's task keeps a failure to itself until the next put; waiting for that would acknowledge this batch.
            return sink.getLastProcessingException();
        }
        catch (SQLException | RuntimeException e) {
            return e;
        }
    }

    private void open() throws SQLException {
        probe();
        sink = new JdbcSinkConnectorTask();
        sink.start(properties);
    }

    /**
     * Opens and closes a connection. Starting Debezium's task costs a connection pool, blocks for as long as the pool
     * tries, and hides the server's answer: during an outage this fails first, fast and with the SQLSTATE.
     */
    private void probe() throws SQLException {
        Properties login = new Properties();
        login.setProperty("user", properties.get(JdbcSinkConnectorConfig.CONNECTION_USER));
        login.setProperty("password", properties.getOrDefault(JdbcSinkConnectorConfig.CONNECTION_PASSWORD, ""));
        login.setProperty("loginTimeout", LOGIN_TIMEOUT_SECONDS);
        new Driver().connect(properties.get(JdbcSinkConnectorConfig.CONNECTION_URL), login).close();
    }

    private void close() {
        if (sink != null) {
            sink.stop();
            sink = null;
        }
    }

    /** The URL without its parameters, which may hold a password. */
    private String database() {
        return properties.get(JdbcSinkConnectorConfig.CONNECTION_URL).split("\\?", 2)[0];
    }

    private static String extent(Collection<SinkRecord> records) {
        SinkRecord first = records.iterator().next();
        return "a batch of " + records.size() + " (first: " + first.topic() + " partition " + first.kafkaPartition()
                + " offset " + first.kafkaOffset() + ")";
    }
}
