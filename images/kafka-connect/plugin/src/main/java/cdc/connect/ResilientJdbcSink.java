package cdc.connect;

import io.debezium.connector.jdbc.JdbcSinkConnector;
import org.apache.kafka.connect.connector.Task;

/**
 * Debezium's JDBC sink for PostgreSQL, with tasks that live through an outage of the database.
 *
 * <p>Properties are Debezium's own. Delete this class when Debezium's task retries by itself after a server shutdown.
 */
public class ResilientJdbcSink extends JdbcSinkConnector {

    @Override
    public Class<? extends Task> taskClass() {
        return ResilientJdbcSinkTask.class;
    }
}
