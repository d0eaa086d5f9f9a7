package cdc.standin.scylla;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.apache.cassandra.db.Mutation;
import org.apache.cassandra.transport.messages.ResultMessage;

/**
 * Log rows of lightweight transactions. Paxos refuses mutations of other tables from a trigger, so the rows wait until
 * the statement has answered, and are written only if it was applied.
 */
final class ConditionalWrites {
    private static final ThreadLocal<List<Mutation>> WAITING = new ThreadLocal<>();

    private ConditionalWrites() {
    }

    static ResultMessage run(Supplier<ResultMessage> statement) {
        List<Mutation> logRows = new ArrayList<>();
        WAITING.set(logRows);
        try {
            ResultMessage result = statement.get();
            if (!logRows.isEmpty() && wasApplied(result)) {
                // A contended round runs the trigger again: only its last output belongs to what was applied.
                logRows.get(logRows.size() - 1).apply();
            }
            return result;
        } finally {
            WAITING.remove();
        }
    }

    /** Keeps the log rows back if this thread runs a conditional statement. */
    static boolean hold(Mutation logRows) {
        List<Mutation> waiting = WAITING.get();
        return waiting != null && waiting.add(logRows);
    }

    private static boolean wasApplied(ResultMessage result) {
        if (!(result instanceof ResultMessage.Rows rows) || rows.result.rows.isEmpty()) {
            return false;
        }
        ByteBuffer applied = rows.result.rows.get(0).get(0);
        return applied != null && applied.get(applied.position()) == 1;
    }
}
