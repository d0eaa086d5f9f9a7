package cdc.standin.source;

import com.scylladb.cdc.cql.WorkerCQL;
import java.util.concurrent.ExecutionException;

/** Access to the CDC log of the configured tables. */
interface CdcLog {
    /**
     * Statements of the log of all tables, ready for use.
     *
     * @throws InterruptedException if the task has been stopped
     * @throws ExecutionException   if a table cannot be read
     * @throws RuntimeException     if the cluster cannot be reached
     */
    WorkerCQL cql() throws InterruptedException, ExecutionException;

    /** Gives up statements that failed, so that the next ones come over a new connection. */
    void discard(WorkerCQL failed);
}
