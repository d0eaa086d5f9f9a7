package cdc.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.debezium.connector.jdbc.JdbcSinkConnector;
import io.debezium.connector.jdbc.JdbcSinkConnectorTask;
import java.io.IOException;
import java.net.ServerSocket;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ResilientJdbcSinkTaskTest {

    private final RecordingContext context = new RecordingContext();
    private final ResilientJdbcSinkTask task = new ResilientJdbcSinkTask();

    @AfterEach
    void stop() {
        task.stop();
    }

    @Test
    void theTaskStartsWhileTheDatabaseIsDown() throws IOException {
        start(unusedUrl());
        task.put(List.of());
        assertEquals(List.of(), context.timeoutsMs);
    }

    @Test
    void aBatchWhileTheDatabaseIsDownIsRetriableWithGrowingPauses() throws IOException {
        start(unusedUrl());
        for (int attempt = 1; attempt <= 7; attempt++) {
            RetriableException thrown = assertThrows(RetriableException.class, () -> task.put(List.of(Envelopes.upsert(5, "a", 1))));
            assertTrue(thrown.getMessage().contains("SQLSTATE 08001"), thrown.getMessage());
            assertTrue(thrown.getMessage().contains("the first: record cdc.shop.users-0@5"), thrown.getMessage());
            assertNull(thrown.getCause());
        }
        assertEquals(List.of(500L, 1_000L, 2_000L, 4_000L, 8_000L, 10_000L, 10_000L), context.timeoutsMs);
    }

    @Test
    void thePauseStaysBoundedHoweverLongTheOutage() {
        assertEquals(ResilientJdbcSinkTask.LONGEST_BACKOFF_MS, ResilientJdbcSinkTask.backoffMs(Integer.MAX_VALUE));
    }

    @Test
    void debeziumsOwnFailureToStartWithoutDatabaseIsTransient() throws IOException {
        JdbcSinkConnectorTask debeziums = new JdbcSinkConnectorTask();
        Map<String, String> properties = SinkProperties.of(unusedUrl());
        assertTrue(DatabaseFaults.isTransient(assertThrows(RuntimeException.class, () -> debeziums.start(properties))));
    }

    @Test
    void wrongConfigurationFailsAtOnce() {
        Map<String, String> properties = new HashMap<>(SinkProperties.of("jdbc:postgresql://127.0.0.1/x"));
        properties.remove("primary.key.mode");
        assertThrows(ConnectException.class, () -> task.start(properties));
    }

    @Test
    void anUnknownPolicyIsRefused() {
        Map<String, String> properties = new HashMap<>(SinkProperties.of("jdbc:postgresql://127.0.0.1/x"));
        properties.put("dead.key.policy", "guess");
        ConfigException refusal = assertThrows(ConfigException.class, () -> task.start(properties));
        assertTrue(refusal.getMessage().contains("dead.key.policy"), refusal.getMessage());
    }

    @Test
    void anotherDatabaseThanPostgresIsRefused() {
        ConnectException refusal = assertThrows(ConnectException.class, () -> task.start(SinkProperties.of("jdbc:mysql://127.0.0.1/x")));
        assertTrue(refusal.getMessage().contains("connection.url"), refusal.getMessage());
    }

    @Test
    void preCommitAcknowledgesWhatConnectCountedAndNoMore() throws IOException {
        start(unusedUrl());
        Map<TopicPartition, OffsetAndMetadata> delivered = Map.of(new TopicPartition("t", 0), new OffsetAndMetadata(5));
        assertThrows(RetriableException.class, () -> task.put(List.of(Envelopes.upsert(5, "a", 1))));
        assertEquals(delivered, task.preCommit(delivered));
        assertEquals(Map.of(), task.preCommit(Map.of()));
    }

    @Test
    void theConnectorHasDebeziumsPropertiesOneMoreAndOurTask() {
        ResilientJdbcSink connector = new ResilientJdbcSink();
        Set<String> properties = new HashSet<>(new JdbcSinkConnector().config().names());
        properties.add("dead.key.policy");
        assertEquals(properties, connector.config().names());
        assertEquals(ResilientJdbcSinkTask.class, connector.taskClass());
        assertEquals(new JdbcSinkConnector().version(), task.version());
    }

    private void start(String url) {
        task.initialize(context);
        task.start(SinkProperties.of(url));
    }

    /** A port that was free a moment ago. */
    private static String unusedUrl() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return "jdbc:postgresql://127.0.0.1:" + socket.getLocalPort() + "/warehouse";
        }
    }
}
