package cdc.connect;

import io.debezium.connector.jdbc.JdbcChangeEventSink;
import io.debezium.connector.jdbc.JdbcSinkConnectorConfig;
import io.debezium.connector.jdbc.QueryBinderResolver;
import io.debezium.connector.jdbc.RecordWriter;
import io.debezium.connector.jdbc.dialect.DatabaseDialect;
import io.debezium.connector.jdbc.dialect.DatabaseDialectResolver;
import io.debezium.openlineage.ConnectorContext;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.connect.sink.SinkRecord;
import org.hibernate.SessionFactory;
import org.hibernate.StatelessSession;
import org.postgresql.Driver;

/**
 * An open PostgreSQL and Debezium's writer on it, put together as Debezium's own task does.
 *
 * <p>That task keeps a failure to itself until its next put and then fails for good; its writer throws where it fails and
 * can be used again after a record that the database refused.
 */
final class Database implements AutoCloseable {

    private static final String LOGIN_TIMEOUT_SECONDS = "5";
    private static final String COLUMN_TYPES = "SELECT column_name, udt_name FROM information_schema.columns"
            + " WHERE table_schema = ? AND table_name = ?";

    private final SessionFactory sessions;
    private final StatelessSession session;
    private final JdbcChangeEventSink writer;
    /** By topic; what the writer has read of a target is not older than this. */
    private final Map<String, Map<String, String>> firstSeenTypes = new HashMap<>();

    private Database(SessionFactory sessions, Map<String, String> properties, JdbcSinkConnectorConfig config) {
        this.sessions = sessions;
        session = sessions.openStatelessSession();
        DatabaseDialect dialect = DatabaseDialectResolver.resolve(config, sessions);
        ConnectorContext noLineage = new ConnectorContext(properties.get("name"), "jdbc", "0", null, null, Map.of());
        writer = new JdbcChangeEventSink(config, session, dialect,
                new RecordWriter(session, new QueryBinderResolver(), config, dialect), noLineage);
    }

    /** Connects. Throws SQLException when the database does not answer or refuses the login. */
    static Database open(Map<String, String> properties) throws SQLException {
        probe(properties);
        JdbcSinkConnectorConfig config = new JdbcSinkConnectorConfig(properties);
        SessionFactory sessions = config.getHibernateConfiguration().buildSessionFactory();
        try {
            return new Database(sessions, properties, config);
        }
        catch (RuntimeException e) {
            sessions.close();
            throw e;
        }
    }

    /** Commits the records; of several changes of a row the last one counts. May have committed a part when it throws. */
    void write(Collection<SinkRecord> records) {
        records.stream().filter(record -> !firstSeenTypes.containsKey(record.topic())).forEach(record -> Target.of(record)
                .ifPresent(target -> firstSeenTypes.computeIfAbsent(record.topic(), topic -> columnTypes(target))));
        writer.execute(records);
    }

    /**
     * Whether the record's table has other columns than when the writer read it, which it does once. The server keeps the
     * parameters' types of a prepared statement as well, and refuses what is out of the range of the type that a column had.
     */
    boolean isOutdated(SinkRecord record) {
        Map<String, String> seen = firstSeenTypes.get(record.topic());
        return seen != null && Target.of(record).filter(target -> !columnTypes(target).equals(seen)).isPresent();
    }

    /** PostgreSQL's internal type names by column; empty when there is no such table. */
    Map<String, String> columnTypes(Target target) {
        return session.doReturningWork(connection -> {
            try (PreparedStatement query = connection.prepareStatement(COLUMN_TYPES)) {
                query.setString(1, target.schema());
                query.setString(2, target.table());
                Map<String, String> types = new HashMap<>();
                try (ResultSet found = query.executeQuery()) {
                    while (found.next()) {
                        types.put(found.getString(1), found.getString(2));
                    }
                }
                return types;
            }
        });
    }

    @Override
    public void close() {
        try (sessions) {
            writer.close();
        }
    }

    /** The URL without its parameters, which may hold a password. */
    static String name(Map<String, String> properties) {
        return properties.get(JdbcSinkConnectorConfig.CONNECTION_URL).split("\\?", 2)[0];
    }

    /**
     * Opens and closes a connection. A session factory costs a connection pool, blocks for as long as the pool tries,
     * and hides the server's answer: during an outage this fails first, fast and with the SQLSTATE.
     */
    private static void probe(Map<String, String> properties) throws SQLException {
        Properties login = new Properties();
        login.setProperty("user", properties.get(JdbcSinkConnectorConfig.CONNECTION_USER));
        login.setProperty("password", properties.getOrDefault(JdbcSinkConnectorConfig.CONNECTION_PASSWORD, ""));
        login.setProperty("loginTimeout", LOGIN_TIMEOUT_SECONDS);
        new Driver().connect(properties.get(JdbcSinkConnectorConfig.CONNECTION_URL), login).close();
    }
}
