package cdc.standin.source;

import com.scylladb.cdc.cql.WorkerCQL;
import com.scylladb.cdc.cql.driver3.Driver3WorkerCQL;
import java.util.concurrent.ExecutionException;

/**
 * The session that the readers of a task share; made when it is needed, and made again after a failure. The driver would
 * reconnect by itself, but after a long outage only minutes after the cluster is back.
 */
final class SharedSession implements CdcLog, AutoCloseable {
    private final SourceConfig config;
    private ScyllaSession session;
    private WorkerCQL cql;
    private boolean closed;

    SharedSession(SourceConfig config) {
        this.config = config;
    }

    @Override
    public synchronized WorkerCQL cql() throws InterruptedException, ExecutionException {
        if (closed) {
            throw new InterruptedException("the task has been stopped");
        }
        if (cql == null) {
            session = new ScyllaSession(config);
            WorkerCQL prepared = new Driver3WorkerCQL(session);
            try {
                prepared.prepare(config.tables());
            } catch (InterruptedException | ExecutionException | RuntimeException e) {
                drop();
                throw e;
            }
            cql = prepared;
        }
        return cql;
    }

    @Override
    public synchronized void discard(WorkerCQL failed) {
        if (failed != null && failed == cql) {
            drop();
        }
    }

    @Override
    public synchronized void close() {
        closed = true;
        drop();
    }

    private void drop() {
        cql = null;
        if (session != null) {
            session.close();
            session = null;
        }
    }
}
