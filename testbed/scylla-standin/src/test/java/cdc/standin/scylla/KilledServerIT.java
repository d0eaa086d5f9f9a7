package cdc.standin.scylla;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.datastax.driver.core.Session;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KilledServerIT {
    private static final int WRITES = 200;

    @Test
    void keepsEveryAcknowledgedWriteAndItsLogRowsWhenItIsKilled(@TempDir Path workdir) throws Exception {
        try (RunningServer server = new RunningServer(workdir)) {
            Session session = server.connect("cassandra", "cassandra");
            session.execute("CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}");
            session.execute("CREATE TABLE shop.users (id int PRIMARY KEY) WITH cdc = {'enabled': true}");
            session.execute("CREATE ROLE reader WITH PASSWORD = 'reader' AND LOGIN = true");
            for (int id = 0; id < WRITES; id++) {
                session.execute("INSERT INTO shop.users (id) VALUES (" + id + ")");
            }
            server.kill();
            session.getCluster().close();

            server.start();

            Session again = server.connect("cassandra", "cassandra");
            assertEquals(WRITES, again.execute("SELECT count(*) FROM shop.users").one().getLong(0));
            assertEquals(WRITES, again.execute("SELECT count(*) FROM shop.users_scylla_cdc_log").one().getLong(0));
            again.getCluster().close();
            server.connect("reader", "reader").getCluster().close();
        }
    }
}
