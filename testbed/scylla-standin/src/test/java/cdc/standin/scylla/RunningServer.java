package cdc.standin.scylla;

import com.datastax.driver.core.Cluster;
import com.datastax.driver.core.Session;
import com.datastax.driver.core.exceptions.DriverException;
import java.io.IOException;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;

/** A stand-in in its own process, started as a container starts it. */
final class RunningServer implements AutoCloseable {
    private static final Duration START_TIMEOUT = Duration.ofMinutes(3);

    private final Path workdir;
    private final int cqlPort = freePort();
    private final int storagePort = freePort();
    private Process process;

    RunningServer(Path workdir) throws IOException {
        this.workdir = workdir;
        start();
    }

    void start() throws IOException {
        ProcessBuilder builder = new ProcessBuilder(System.getProperty("standin.start"),
                "--smp", "1", "--memory", "512M", "--workdir", workdir.toString(),
                "--authenticator", "PasswordAuthenticator", "--authorizer", "CassandraAuthorizer",
                "--native-transport-port", String.valueOf(cqlPort), "--storage-port", String.valueOf(storagePort),
                "--rpc-address", "127.0.0.1", "--broadcast-rpc-address", "127.0.0.1");
        builder.environment().put("SCYLLA_STANDIN_LIB", System.getProperty("standin.lib"));
        process = builder.redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.INHERIT).start();
    }

    /** Kills the process like {@code kill -9} and waits until it is gone. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor(30, TimeUnit.SECONDS);
    }

    /** A session of a user, as soon as the server lets one log in. */
    Session connect(String user, String password) throws InterruptedException {
        Instant deadline = Instant.now().plus(START_TIMEOUT);
        while (true) {
            Cluster cluster = Cluster.builder().addContactPoint("127.0.0.1").withPort(cqlPort)
                    .withCredentials(user, password).withoutJMXReporting().build();
            try {
                return cluster.connect();
            } catch (DriverException e) {
                cluster.close();
                if (!process.isAlive() || Instant.now().isAfter(deadline)) {
                    throw e;
                }
                TimeUnit.MILLISECONDS.sleep(250);
            }
        }
    }

    @Override
    public void close() throws InterruptedException {
        kill();
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }
}
