package cdc.connect;

import io.debezium.connector.jdbc.JdbcSinkConnector;
import io.debezium.connector.jdbc.JdbcSinkConnectorConfig;
import java.sql.SQLException;
import java.time.Clock;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes batches through Debezium's writer and tells apart what fails them.
 *
 * <p>A passing fault becomes a {@link RetriableException}: Connect keeps the batch, keeps polling and delivers the same
 * batch again after a back-off, for as long as the outage lasts. A record that the database refuses for good is found by
 * halving the batch and handed to {@link DeadRecords}; the rest is written in order. Anything else becomes a
 * {@link ConnectException} that names the fault but no row value, and carries no cause, since Connect shows the whole
 * trace to everybody.
 *
 * <p>{@link #put} returns normally only when its whole batch is committed in the database or taken care of. Connect counts
 * a batch as delivered only then.
 */
public final class ResilientJdbcSinkTask extends SinkTask {

    static final long FIRST_BACKOFF_MS = 500;
    static final long LONGEST_BACKOFF_MS = 10_000;

    private static final Logger LOGGER = LoggerFactory.getLogger(ResilientJdbcSinkTask.class);

    private Map<String, String> properties;
    private DeadRecords dead;
    /** Null while the database is down: the task starts and lives without it. */
    private Database database;
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
        dead = ResilientJdbcSink.WAIT.equals(ResilientJdbcSink.deadKeyPolicy(properties))
                ? new DeadRecordsWait(context, Clock.systemUTC())
                : new DeadKeysFollow(context.errantRecordReporter());
        try {
            database = Database.open(properties);
        }
        catch (SQLException | RuntimeException e) {
            if (!DatabaseFaults.isTransient(e)) {
                throw new ConnectException("Cannot open " + Database.name(properties) + ": " + DatabaseFaults.describe(e));
            }
            LOGGER.warn("The task starts before {} answers: {}", Database.name(properties), DatabaseFaults.describe(e));
        }
    }

    @Override
    public void put(Collection<SinkRecord> records) {
        dead.begin();
        if (records.isEmpty()) {
            return;
        }
        List<SinkRecord> batch = List.copyOf(records);
        try (PutSpans spans = PutSpans.begin(batch)) {
            tryToWrite(batch, spans);
        }
        dead.end(batch);
        if (failedAttempts > 0) {
            LOGGER.info("The database accepts writes again after {} failed attempts", failedAttempts);
            failedAttempts = 0;
        }
    }

    @Override
    public Map<TopicPartition, OffsetAndMetadata> preCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {
        return dead.acknowledgeable(offsets);
    }

    @Override
    public void close(Collection<TopicPartition> partitions) {
        dead.forget(partitions);
    }

    @Override
    public void stop() {
        close();
    }

    /** The pause after the given number of earlier failures in a row. */
    static long backoffMs(int earlierFailures) {
        return Math.min(LONGEST_BACKOFF_MS, FIRST_BACKOFF_MS << Math.min(earlierFailures, 10));
    }

    private void tryToWrite(List<SinkRecord> batch, PutSpans spans) {
        try {
            if (database == null) {
                database = Database.open(properties);
            }
            write(batch, spans);
        }
        catch (SQLException | RuntimeException e) {
            close();
            spans.failed(DatabaseFaults.describe(e));
            throw failed(batch, e);
        }
    }

    private void write(List<SinkRecord> records, PutSpans spans) throws SQLException {
        List<SinkRecord> alive = dead.alive(records);
        if (alive.size() < records.size()) {
            Set<SinkRecord> written = Collections.newSetFromMap(new IdentityHashMap<>());
            written.addAll(alive);
            records.stream().filter(record -> !written.contains(record))
                    .forEach(record -> spans.refused(record, "an earlier record of its key or partition was refused"));
        }
        if (alive.isEmpty()) {
            return;
        }
        try {
            database.write(alive);
        }
        catch (RuntimeException e) {
            if (DatabaseFaults.isTransient(e) || !DatabaseFaults.isAboutARecord(e)) {
                if (DatabaseFaults.isMisfit(e)) {
                    nameMisfit(alive);
                }
                throw e;
            }
            if (alive.size() == 1) {
                refused(alive.get(0), spans, DatabaseFaults.describe(e));
                return;
            }
            int half = alive.size() / 2;
            write(alive.subList(0, half), spans);
            write(alive.subList(half, alive.size()), spans);
        }
    }

    /** The database refuses this record alone; by the table as it is now, or as the writer has read it some time ago. */
    private void refused(SinkRecord record, PutSpans spans, String reason) throws SQLException {
        if (database.isOutdated(record)) {
            LOGGER.info("The table of {} has changed; it is read again", Place.of(record));
            close();
            database = Database.open(properties);
            write(List.of(record), spans);
            return;
        }
        ColumnMisfitException.check(record, database);
        spans.refused(record, reason);
        dead.bury(record, reason);
    }

    /** PostgreSQL says that some column has another type, but not which one; the records' schemas tell. */
    private void nameMisfit(List<SinkRecord> records) {
        Map<Schema, SinkRecord> bySchema = new IdentityHashMap<>();
        records.stream().filter(record -> record.valueSchema() != null)
                .forEach(record -> bySchema.putIfAbsent(record.valueSchema(), record));
        bySchema.values().forEach(record -> ColumnMisfitException.check(record, database));
    }

    private ConnectException failed(List<SinkRecord> records, Exception failure) {
        String what = records.size() + " records (the first: " + Place.of(records.get(0)) + ") to " + Database.name(properties);
        if (!DatabaseFaults.isTransient(failure)) {
            return new ConnectException("Cannot write " + what + ": " + DatabaseFaults.describe(failure));
        }
        long backoffMs = backoffMs(failedAttempts++);
        if (DatabaseFaults.isLoginRefused(failure)) {
            LOGGER.warn("PostgreSQL refuses the login of '{}'. Still trying. If the password was rotated, restart the"
                    + " connector so that it reads the new one", properties.get(JdbcSinkConnectorConfig.CONNECTION_USER));
        }
        context.timeout(backoffMs);
        return new RetriableException("Attempt " + failedAttempts + " to write " + what + " failed, next within " + backoffMs
                + " ms: " + DatabaseFaults.describe(failure));
    }

    private void close() {
        if (database == null) {
            return;
        }
        try {
            database.close();
        }
        catch (RuntimeException e) {
            LOGGER.warn("A broken connection could not be closed: {}", DatabaseFaults.describe(e));
        }
        finally {
            database = null;
        }
    }
}
