package cdc.standin.scylla;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.datastax.driver.core.PreparedStatement;
import com.datastax.driver.core.Row;
import com.datastax.driver.core.Session;
import com.datastax.driver.core.exceptions.InvalidQueryException;
import com.datastax.driver.core.exceptions.UnauthorizedException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ScyllaStandinIT {
    private static final String CDC = " WITH cdc = {'enabled': true, 'postimage': true}";
    @TempDir
    private static Path workdir;
    private static RunningServer server;
    private static Session session;

    @BeforeAll
    static void start() throws Exception {
        server = new RunningServer(workdir);
        session = server.connect("cassandra", "cassandra");
        session.execute("CREATE KEYSPACE shop WITH replication = "
                + "{'class': 'NetworkTopologyStrategy', 'replication_factor': 1} AND tablets = {'enabled': false}");
    }

    @AfterAll
    static void stop() throws Exception {
        session.getCluster().close();
        server.close();
    }

    private static List<Integer> operations(String table) {
        return session.execute("SELECT \"cdc$operation\" FROM shop." + table + "_scylla_cdc_log").all().stream()
                .map(row -> (int) row.getByte(0)).toList();
    }

    /** Permissions are cached for a moment. */
    private static List<Row> awaitRows(Session reader, String query) throws InterruptedException {
        Instant deadline = Instant.now().plusSeconds(10);
        while (true) {
            try {
                return reader.execute(query).all();
            } catch (UnauthorizedException e) {
                if (Instant.now().isAfter(deadline)) {
                    throw e;
                }
                TimeUnit.MILLISECONDS.sleep(100);
            }
        }
    }

    @Test
    void logsAnInsertWithItsPostimage() {
        session.execute("CREATE TABLE shop.inserted (id int PRIMARY KEY, name text)" + CDC);

        session.execute("INSERT INTO shop.inserted (id, name) VALUES (1, 'a')");

        assertEquals(List.of(2, 9), operations("inserted"));
    }

    @Test
    void postimageHasColumnsThatTheUpdateDidNotTouch() {
        session.execute("CREATE TABLE shop.updated (id int PRIMARY KEY, a text, b text)" + CDC);
        session.execute("INSERT INTO shop.updated (id, a, b) VALUES (1, 'a', 'b')");

        session.execute("UPDATE shop.updated SET a = null WHERE id = 1");

        List<Row> log = session.execute("SELECT * FROM shop.updated_scylla_cdc_log").all();
        assertTrue(log.get(2).getBool("cdc$deleted_a"));
        assertNull(log.get(3).getString("a"));
        assertEquals("b", log.get(3).getString("b"));
    }

    @Test
    void postimageHasNothingOfARowThatTheSameBatchDeleted() {
        session.execute("CREATE TABLE shop.reinserted (id int PRIMARY KEY, a text, b text)" + CDC);
        session.execute("INSERT INTO shop.reinserted (id, a, b) VALUES (1, 'a', 'b') USING TIMESTAMP 10");

        session.execute("BEGIN BATCH DELETE FROM shop.reinserted USING TIMESTAMP 20 WHERE id = 1; "
                + "UPDATE shop.reinserted USING TIMESTAMP 21 SET a = 'new' WHERE id = 1; APPLY BATCH");

        List<Row> log = session.execute("SELECT * FROM shop.reinserted_scylla_cdc_log").all();
        assertEquals(List.of(2, 9, 4, 1, 9), operations("reinserted"));
        assertEquals("new", log.get(4).getString("a"));
        assertNull(log.get(4).getString("b"));
    }

    @Test
    void logsRowAndRangeDeletesWithoutImages() {
        session.execute("CREATE TABLE shop.deleted (id int, part int, PRIMARY KEY (id, part))" + CDC);

        session.execute("DELETE FROM shop.deleted WHERE id = 1 AND part = 1");
        session.execute("DELETE FROM shop.deleted WHERE id = 1 AND part >= 3");
        session.execute("DELETE FROM shop.deleted WHERE id = 1");

        assertEquals(List.of(3, 5, 7, 4), operations("deleted"));
    }

    @Test
    void logsAConditionalWriteOnlyWhenItIsApplied() {
        session.execute("CREATE TABLE shop.conditional (id int PRIMARY KEY, name text)" + CDC);

        session.execute("INSERT INTO shop.conditional (id, name) VALUES (1, 'a') IF NOT EXISTS");
        session.execute("INSERT INTO shop.conditional (id, name) VALUES (1, 'b') IF NOT EXISTS");

        assertEquals(List.of(2, 9), operations("conditional"));
    }

    @Test
    void logFollowsNewColumnsAndGoesWithTheTable() {
        session.execute("CREATE TABLE shop.altered (id int PRIMARY KEY)" + CDC);
        session.execute("ALTER TABLE shop.altered ADD note text");
        session.execute("INSERT INTO shop.altered (id, note) VALUES (1, 'n')");

        assertEquals("n", session.execute("SELECT note FROM shop.altered_scylla_cdc_log").all().get(1).getString(0));

        session.execute("DROP TABLE shop.altered");
        assertThrows(InvalidQueryException.class, () -> operations("altered"));
    }

    @Test
    void takesCdcOptionsThroughAPreparedStatementToo() {
        PreparedStatement create = session.prepare("CREATE TABLE shop.prepared (id int PRIMARY KEY)" + CDC);

        session.execute(create.bind());
        session.execute("INSERT INTO shop.prepared (id) VALUES (1)");

        assertEquals(List.of(2, 9), operations("prepared"));
    }

    @Test
    void refusesAnUnknownCdcOption() {
        InvalidQueryException e = assertThrows(InvalidQueryException.class,
                () -> session.execute("CREATE TABLE shop.bad (id int PRIMARY KEY) WITH cdc = {'on': true}"));

        assertTrue(e.getMessage().contains("Invalid CDC option: on"), e.getMessage());
    }

    @Test
    void roleReadsExactlyWhatItWasGranted() throws Exception {
        session.execute("CREATE TABLE shop.granted (id int PRIMARY KEY)" + CDC);
        session.execute("CREATE ROLE reader WITH PASSWORD = 'reader' AND LOGIN = true");
        session.execute("GRANT SELECT ON KEYSPACE shop TO reader");
        Session reader = server.connect("reader", "reader");
        String streams = "SELECT * FROM system_distributed.cdc_streams_descriptions_v2";

        assertThrows(UnauthorizedException.class, () -> reader.execute(streams));
        session.execute("GRANT SELECT ON KEYSPACE system_distributed TO reader");

        assertEquals(ServerOptions.DEFAULT_STREAMS, awaitRows(reader, streams).size());
        assertThrows(UnauthorizedException.class, () -> reader.execute("INSERT INTO shop.granted (id) VALUES (1)"));
        reader.getCluster().close();
    }
}
