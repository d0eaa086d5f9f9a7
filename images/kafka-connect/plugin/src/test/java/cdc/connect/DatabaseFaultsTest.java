package cdc.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.SocketTimeoutException;
import java.sql.BatchUpdateException;
import java.sql.SQLException;
import java.sql.SQLRecoverableException;
import java.sql.SQLTransientConnectionException;
import java.time.DateTimeException;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.hibernate.HibernateException;
import org.hibernate.exception.ConstraintViolationException;
import org.hibernate.exception.GenericJDBCException;
import org.hibernate.exception.JDBCConnectionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.postgresql.util.PSQLException;
import org.postgresql.util.ServerErrorMessage;

class DatabaseFaultsTest {

    private static final String SECRET = "alice@example.org";

    @ParameterizedTest
    @ValueSource(strings = {"08000", "08001", "08003", "08006", "25006", "28000", "28P01", "40001", "40P01", "53100", "53300",
        "55P03", "57014", "57P01", "57P02", "57P03"})
    void aPassingSqlStateAnywhereInTheCausesIsTransient(String sqlState) {
        assertTrue(DatabaseFaults.isTransient(wrapped(new SQLException("x", sqlState))));
    }

    @ParameterizedTest
    @ValueSource(strings = {"22001", "22003", "22P02", "23502", "23503", "23505", "42501", "42703", "42P01", "42804", "3D000", "0A000"})
    void aLastingSqlStateIsNotTransient(String sqlState) {
        assertFalse(DatabaseFaults.isTransient(wrapped(new SQLException("x", sqlState))));
    }

    @Test
    void brokenConnectionsWithoutSqlStateAreTransient() {
        assertTrue(DatabaseFaults.isTransient(wrapped(new SocketTimeoutException("Read timed out"))));
        assertTrue(DatabaseFaults.isTransient(wrapped(new SQLTransientConnectionException("x"))));
        assertTrue(DatabaseFaults.isTransient(wrapped(new SQLRecoverableException("x"))));
        assertTrue(DatabaseFaults.isTransient(wrapped(new JDBCConnectionException("x", new SQLException("y")))));
        assertTrue(DatabaseFaults.isTransient(wrapped(new GenericJDBCException("Unable to acquire JDBC Connection",
                new SQLException("Connections could not be acquired from the underlying database!")))));
        assertTrue(DatabaseFaults.isTransient(wrapped(new SQLException("An attempt by a client to checkout a Connection has timed out.",
                new com.mchange.v2.resourcepool.TimeoutException("x")))));
        assertTrue(DatabaseFaults.isTransient(new HibernateException("Unable to determine Dialect without JDBC metadata")));
    }

    @Test
    void otherFailuresAreNotTransient() {
        assertFalse(DatabaseFaults.isTransient(new DataException("Failed to resolve column type")));
        assertFalse(DatabaseFaults.isTransient(wrapped(new SQLException("Cannot alter table"))));
        assertFalse(DatabaseFaults.isTransient(new HibernateException("x")));
        assertFalse(DatabaseFaults.isTransient(new NullPointerException()));
    }

    @ParameterizedTest
    @ValueSource(strings = {"22001", "22003", "22P02", "22021", "23502", "23503", "23505", "23514", "23P01", "44000", "54000",
        "07006", "21000", "P0001"})
    void aRefusedValueIsAboutARecord(String sqlState) {
        assertTrue(DatabaseFaults.isAboutARecord(wrapped(new SQLException("x", sqlState))));
    }

    @ParameterizedTest
    @ValueSource(strings = {"42501", "42703", "42P01", "42804", "3D000", "0A000", "57P01", "XX000"})
    void aFaultOfTheTableOrTheServerIsNotAboutARecord(String sqlState) {
        assertFalse(DatabaseFaults.isAboutARecord(wrapped(new SQLException("x", sqlState))));
    }

    @Test
    void aValueThatCannotBeBoundIsAboutARecord() {
        assertTrue(DatabaseFaults.isAboutARecord(new ConnectException("x", new DataException("y"))));
        assertTrue(DatabaseFaults.isAboutARecord(wrapped(new ArithmeticException("long overflow"))));
        assertTrue(DatabaseFaults.isAboutARecord(wrapped(new DateTimeException("x"))));
        assertTrue(DatabaseFaults.isAboutARecord(new ConnectException("Unexpected ConnectDateType value '" + SECRET + "' with type 'x'")));
    }

    @Test
    void aFailureThatNamesNoValueIsNotAboutARecord() {
        assertFalse(DatabaseFaults.isAboutARecord(new NullPointerException()));
        assertFalse(DatabaseFaults.isAboutARecord(wrapped(new SQLException("Cannot alter table t because schema evolution is disabled"))));
        assertFalse(DatabaseFaults.isAboutARecord(new ConnectException("Failed to resolve column type for schema: STRUCT (x)")));
    }

    @Test
    void theChainedErrorOfABatchCounts() {
        BatchUpdateException batch = new BatchUpdateException("Batch entry 0", "", new int[0]);
        batch.setNextException(new SQLException("deadlock detected", "40P01"));
        assertTrue(DatabaseFaults.isTransient(wrapped(batch)));
    }

    @Test
    void aLoopOfCausesEnds() {
        Exception outer = new ConnectException("outer");
        outer.initCause(new ConnectException("inner", outer));
        assertFalse(DatabaseFaults.isTransient(outer));
    }

    @Test
    void onlyARefusedLoginIsOne() {
        assertTrue(DatabaseFaults.isLoginRefused(wrapped(new SQLException("x", "28P01"))));
        assertTrue(DatabaseFaults.isLoginRefused(wrapped(new SQLException("x", "28000"))));
        assertFalse(DatabaseFaults.isLoginRefused(wrapped(new SQLException("x", "57P01"))));
    }

    @Test
    void aDescriptionNamesTableColumnAndConstraintButNoValue() {
        ServerErrorMessage server = new ServerErrorMessage("SERROR\0C23505\0Mduplicate key " + SECRET + "\0DKey (email)=(" + SECRET
                + ") already exists.\0spublic\0tusers\0cemail\0nusers_email_key\0");
        BatchUpdateException batch = new BatchUpdateException("Batch entry 1 INSERT VALUES ('" + SECRET + "')", "23505", new int[0],
                new PSQLException(server));
        ConstraintViolationException failure = new ConstraintViolationException(SECRET, batch, SECRET);
        String text = DatabaseFaults.describe(wrapped(failure));
        assertEquals("SQLSTATE 23505 table public.users column email constraint users_email_key"
                + " (ConnectException <- ConstraintViolationException <- BatchUpdateException <- PSQLException)", text);
    }

    @Test
    void aDescriptionKeepsDebeziumsWordsAboutTablesAndTypesOnly() {
        assertTrue(DatabaseFaults.describe(wrapped(new SQLException("Cannot alter table t because schema evolution is disabled")))
                .contains("Cannot alter table t because schema evolution is disabled"));
        assertEquals("Failed to flush records for table 'users' SQLSTATE 22P02 (ConnectException <- SQLException)", DatabaseFaults.describe(
                new ConnectException("Failed to flush records for table 'users'", new SQLException(SECRET, "22P02"))));
        assertFalse(DatabaseFaults.describe(new ConnectException("Unexpected value '" + SECRET + "' with type 'x'")).contains(SECRET));
    }

    private static Exception wrapped(Exception cause) {
        return new ConnectException(SECRET, new ConnectException(SECRET, cause));
    }
}
