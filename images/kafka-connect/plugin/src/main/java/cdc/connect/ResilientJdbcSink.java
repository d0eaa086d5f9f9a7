package cdc.connect;

import io.debezium.connector.jdbc.JdbcSinkConnector;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigDef.ValidString;
import org.apache.kafka.connect.connector.Task;

/**
 * Debezium's JDBC sink for PostgreSQL, with tasks that live through outages of the database and records that it refuses.
 *
 * <p>Properties are Debezium's own and {@value #DEAD_KEY_POLICY}. Delete this class when Debezium's task retries by
 * itself after a server shutdown and reports refused records.
 */
public class ResilientJdbcSink extends JdbcSinkConnector {

    static final String DEAD_KEY_POLICY = "dead.key.policy";
    static final String FOLLOW = "follow";
    static final String WAIT = "wait";

    private static final ConfigDef OURS = new ConfigDef().define(DEAD_KEY_POLICY, Type.STRING, FOLLOW,
            ValidString.in(FOLLOW, WAIT), Importance.MEDIUM, "What becomes of later records of a key when the database"
                    + " refuses one: follow it to the dead letter queue, or wait (with their topic partition) until it is taken");

    @Override
    public Class<? extends Task> taskClass() {
        return ResilientJdbcSinkTask.class;
    }

    @Override
    public ConfigDef config() {
        ConfigDef all = new ConfigDef(super.config());
        OURS.configKeys().values().forEach(all::define);
        return all;
    }

    /** The policy in a task's properties. */
    static String deadKeyPolicy(Map<String, String> properties) {
        return (String) OURS.parse(properties).get(DEAD_KEY_POLICY);
    }
}
