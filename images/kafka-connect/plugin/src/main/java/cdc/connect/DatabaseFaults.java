package cdc.connect;

import java.io.IOException;
import java.sql.SQLException;
import java.sql.SQLRecoverableException;
import java.sql.SQLTransientException;
import java.time.DateTimeException;
import java.util.List;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.connect.errors.DataException;
import org.hibernate.HibernateException;
import org.hibernate.exception.JDBCConnectionException;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

/** Tells passing faults of PostgreSQL from lasting ones, and describes both without row values. */
final class DatabaseFaults {

    /**
     * 08 connection, 25006 read-only server (a failover), 28 login refused (a password rotation), 40 rollback by
     * deadlock or serialization, 53 out of resources, 55P03 lock not available, 57 operator intervention (shutdown,
     * start-up, cancel, statement timeout).
     */
    private static final Pattern TRANSIENT_SQLSTATE = Pattern.compile("(08|28|40|53|57)...|25006|55P03");
    /**
     * 07006 a value without a SQL type, 21000 two spellings of one key in a batch, 22 a value that the column cannot
     * hold, 23 a violated constraint, 44 a view's check option, 54000 a value too long for an index, P0001 a trigger's
     * refusal.
     */
    private static final Pattern RECORD_SQLSTATE = Pattern.compile("(22|23|44)...|07006|21000|54000|P0001");
    private static final Pattern LOGIN_REFUSED_SQLSTATE = Pattern.compile("28...");
    private static final Pattern MISFIT_SQLSTATE = Pattern.compile("42804");

    /** Debezium's own messages that name a table, a column or a type and never a value. */
    private static final Pattern SAFE_MESSAGE = Pattern.compile("(Cannot (create|alter|write to) table"
            + "|Could not find table|Failed to flush records for table|Failed to resolve column type for schema).*", Pattern.CASE_INSENSITIVE);

    /** Debezium's words for a value that it cannot bind; they go on with the value. */
    private static final Pattern UNBINDABLE_MESSAGE = Pattern.compile("Unexpected \\w+ value '");

    private DatabaseFaults() {
    }

    /** Whether trying the same batch again later can succeed without anybody changing data or tables. */
    static boolean isTransient(Throwable failure) {
        return Causes.of(failure).stream().anyMatch(cause -> hasSqlState(cause, TRANSIENT_SQLSTATE)
                || cause instanceof SQLTransientException
                || cause instanceof SQLRecoverableException
                || cause instanceof IOException
                || cause instanceof JDBCConnectionException
                || isPoolFailure(cause));
    }

    /**
     * Whether the database refuses a value and would take other records. A missing table, column or right, and a column
     * of another type than all values, is not about a record: waiting in a queue cures none of those.
     */
    static boolean isAboutARecord(Throwable failure) {
        List<Throwable> causes = Causes.of(failure);
        if (causes.stream().anyMatch(SQLException.class::isInstance)) {
            return causes.stream().anyMatch(cause -> hasSqlState(cause, RECORD_SQLSTATE));
        }
        return causes.stream().anyMatch(cause -> cause instanceof DataException
                || cause instanceof IllegalArgumentException
                || cause instanceof DateTimeException
                || cause instanceof ArithmeticException
                || cause instanceof ClassCastException
                || UNBINDABLE_MESSAGE.matcher(Objects.toString(cause.getMessage(), "")).lookingAt());
    }

    /** Whether a column has another type than the values that are sent to it. */
    static boolean isMisfit(Throwable failure) {
        return Causes.of(failure).stream().anyMatch(cause -> hasSqlState(cause, MISFIT_SQLSTATE));
    }

    /** Whether the server refused user or password. */
    static boolean isLoginRefused(Throwable failure) {
        return Causes.of(failure).stream().anyMatch(cause -> hasSqlState(cause, LOGIN_REFUSED_SQLSTATE));
    }

    /** Names error classes, SQLSTATE, table, column and constraint. Never quotes the server, which quotes values. */
    static String describe(Throwable failure) {
        List<Throwable> causes = Causes.of(failure);
        Stream<String> details = causes.stream().flatMap(DatabaseFaults::details).distinct();
        String classes = causes.stream().map(cause -> cause.getClass().getSimpleName()).distinct()
                .collect(Collectors.joining(" <- "));
        return Stream.concat(details, Stream.of("(" + classes + ")")).collect(Collectors.joining(" "));
    }

    private static Stream<String> details(Throwable cause) {
        if (cause instanceof SQLException sql && sql.getSQLState() != null) {
            return Stream.concat(Stream.of("SQLSTATE " + sql.getSQLState()), serverDetails(sql));
        }
        String message = Objects.toString(cause.getMessage(), "");
        boolean isOurs = cause instanceof RefusedRecordException || cause instanceof ColumnMisfitException;
        return isOurs || SAFE_MESSAGE.matcher(message).matches() ? Stream.of(message) : Stream.empty();
    }

    private static Stream<String> serverDetails(SQLException failure) {
        if (!(failure instanceof PSQLException psql) || psql.getServerErrorMessage() == null) {
            return Stream.empty();
        }
        ServerErrorMessage server = psql.getServerErrorMessage();
        String table = server.getTable() == null ? null : server.getSchema() + "." + server.getTable();
        return Stream.of(named("table", table), named("column", server.getColumn()),
                named("constraint", server.getConstraint())).filter(Objects::nonNull);
    }

    private static String named(String what, String name) {
        return name == null ? null : what + " " + name;
    }

    private static boolean hasSqlState(Throwable cause, Pattern states) {
        return cause instanceof SQLException sql && sql.getSQLState() != null
                && states.matcher(sql.getSQLState()).matches();
    }

    /** The connection pool, and Hibernate at start-up, hide the SQLSTATE of a database that does not answer. */
    private static boolean isPoolFailure(Throwable cause) {
        String message = Objects.toString(cause.getMessage(), "");
        return cause.getClass().getName().startsWith("com.mchange.v2.resourcepool.")
                || cause instanceof SQLException && message.startsWith("Connections could not be acquired")
                || cause instanceof HibernateException && message.contains("without JDBC metadata");
    }
}
