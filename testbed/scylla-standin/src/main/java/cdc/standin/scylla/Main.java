package cdc.standin.scylla;

import java.util.List;
import org.apache.cassandra.cql3.QueryProcessor;
import org.apache.cassandra.service.CassandraDaemon;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One Apache Cassandra node in the foreground that looks like ScyllaDB to readers of CDC. */
public final class Main {
    private static final Logger LOGGER = LoggerFactory.getLogger(Main.class);
    private static final long SUPERUSER_DEADLINE_MS = 60_000;

    private Main() {
    }

    public static void main(String[] arguments) {
        try {
            start(ServerOptions.parse(List.of(arguments)));
        } catch (Throwable e) {
            LOGGER.error("the stand-in for ScyllaDB could not start", e);
            // Cassandra's threads would keep a half-started process alive.
            System.exit(3);
        }
    }

    private static void start(ServerOptions options) throws Exception {
        CassandraConfig.apply(options);
        CassandraDaemon daemon = new CassandraDaemon(true);
        daemon.activate();
        StreamGeneration.publish(options.streams());
        if (options.hasRoles()) {
            awaitSuperuser();
        }
        daemon.startNativeTransport();
        LOGGER.info("serving CQL on {}:{}, announced as {}, {} CDC streams, data in {}",
                options.rpcAddress(), options.cqlPort(), options.broadcastAddress(), options.streams(), options.workdir());
        Thread.currentThread().join();
    }

    /** Cassandra makes its first superuser in the background; nobody may log in before that. */
    private static void awaitSuperuser() throws InterruptedException {
        long deadlineMs = System.currentTimeMillis() + SUPERUSER_DEADLINE_MS;
        while (QueryProcessor.executeInternal("SELECT role FROM system_auth.roles LIMIT 1").isEmpty()) {
            if (System.currentTimeMillis() > deadlineMs) {
                throw new IllegalStateException("no superuser after " + SUPERUSER_DEADLINE_MS + " ms");
            }
            Thread.sleep(100);
        }
    }
}
