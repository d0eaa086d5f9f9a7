package cdc.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import java.math.BigInteger;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Records that the database refuses for good, among others that it takes. */
class RefusedRecordsDatabaseTest extends DatabaseTestBase {

    private static final int TOO_OLD = 777_777;
    private static final String USERS = SCHEMA + ".users";
    private static final TopicPartition PARTITION = new TopicPartition(Envelopes.TOPIC, 0);

    static Stream<Arguments> kinds() {
        String alter = "ALTER TABLE " + USERS + " ";
        String huge = new BigInteger(200_000, new Random(1)).toString(36);
        return Stream.of(
                arguments("23514", "SELECT 1", Envelopes.upsert(1, "bad", TOO_OLD)),
                arguments("23502", alter + "ALTER age SET NOT NULL", Envelopes.upsert(1, "bad", null)),
                arguments("23505", alter + "ADD UNIQUE (age)", Envelopes.upsert(1, "bad", 1)),
                arguments("23503", "CREATE TABLE " + SCHEMA + ".ages AS SELECT g AS age FROM generate_series(0, 9) g;"
                        + "ALTER TABLE " + SCHEMA + ".ages ADD PRIMARY KEY (age);" + alter + "ADD FOREIGN KEY (age) REFERENCES "
                        + SCHEMA + ".ages", Envelopes.upsert(1, "bad", 55)),
                arguments("23P01", alter + "ADD EXCLUDE USING btree (age WITH =)", Envelopes.upsert(1, "bad", 1)),
                arguments("22021", "SELECT 1", Envelopes.upsert(1, "bad", 4, "nul \0 byte")),
                arguments("22001", alter + "ALTER id TYPE varchar(5)", Envelopes.upsert(1, "bad but long", 4)),
                arguments("22003", alter + "DROP CONSTRAINT users_age_check, ALTER age TYPE smallint", Envelopes.upsert(1, "bad", TOO_OLD)),
                arguments("22008", "SELECT 1", createdAt("bad", Long.MAX_VALUE / 2)),
                arguments("22P02", alter + "ALTER attributes TYPE uuid USING NULL",
                        Envelopes.upsert(1, "bad", 4)),
                arguments("22P05", "SELECT 1", attributes("bad", "nul \0 character")),
                arguments("54000", "SELECT 1", Envelopes.upsert(1, huge, 4)),
                arguments("P0001", "CREATE FUNCTION " + SCHEMA + ".refuse() RETURNS trigger LANGUAGE plpgsql AS"
                        + " $$ BEGIN IF NEW.id = 'bad' THEN RAISE 'not % here', NEW.age; END IF; RETURN NEW; END $$;"
                        + "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON " + USERS + " FOR EACH ROW EXECUTE FUNCTION "
                        + SCHEMA + ".refuse()", Envelopes.upsert(1, "bad", 44)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("kinds")
    void aRefusedRecordGoesToTheQueueAndTheOthersArrive(String sqlState, String ddl, SinkRecord bad) throws SQLException {
        sql(ddl);
        boolean plainAttributes = !ddl.contains("uuid");
        SinkRecord first = plainAttributes ? Envelopes.upsert(0, "a", 1) : withoutNested(0, "a", 1);
        SinkRecord last = plainAttributes ? Envelopes.upsert(2, "b", 2) : withoutNested(2, "b", 2);
        put(first, bad, last);
        assertEquals(List.of("a", "b"), query("SELECT id FROM " + USERS + " ORDER BY id"));
        assertEquals(List.of(1L), context.reportedOffsets());
        String reason = context.reported.get(0).reason().getMessage();
        assertTrue(reason.startsWith("The database refuses record cdc.shop.users-0@1: ") && reason.contains("SQLSTATE " + sqlState), reason);
    }

    @Test
    void aReasonNamesTableAndConstraintButNoValue() {
        put(Envelopes.upsert(1, "alice@example.org", TOO_OLD));
        String reason = context.reported.get(0).reason().toString();
        assertTrue(reason.contains("table " + USERS + " constraint users_age_check"), reason);
        assertFalse(reason.contains("alice") || reason.contains(String.valueOf(TOO_OLD)), reason);
    }

    @Test
    void aReportedRecordIsTheOneThatCame() {
        SinkRecord bad = Envelopes.upsert(1, "bad", TOO_OLD);
        put(Envelopes.upsert(0, "a", 1), bad);
        assertEquals(bad.key(), context.reported.get(0).record().key());
    }

    @Test
    void aHundredBadRecordsAmongThousandsAreAllFoundAndTheRestIsWrittenInOrder() throws SQLException {
        sql("CREATE TABLE " + SCHEMA + ".log (at bigserial, id text, age int)",
                "CREATE FUNCTION " + SCHEMA + ".log() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
                        + " $$ BEGIN INSERT INTO " + SCHEMA + ".log (id, age) VALUES (NEW.id, NEW.age); RETURN NULL; END $$",
                "CREATE TRIGGER log AFTER INSERT OR UPDATE ON " + USERS + " FOR EACH ROW EXECUTE FUNCTION " + SCHEMA + ".log()");
        Set<Long> bad = new Random(7).longs(0, 3_000).distinct().limit(100).boxed().collect(Collectors.toSet());
        List<SinkRecord> batch = new ArrayList<>();
        for (long i = 0; i < 3_000; i++) {
            // Every good key changes three times, every bad one dies at its first change.
            batch.add(bad.contains(i) ? Envelopes.upsert(i, "bad" + i, TOO_OLD) : Envelopes.upsert(i, "k" + i % 1_000, (int) (i / 20)));
        }
        put(batch);
        assertEquals(100, context.reported.size());
        assertEquals(bad, Set.copyOf(context.reportedOffsets()));
        assertEquals(List.of("0"), query("SELECT count(*) FROM " + SCHEMA + ".log a JOIN " + SCHEMA
                + ".log b USING (id) WHERE a.at < b.at AND a.age > b.age"));
        Map<String, Integer> expected = new TreeMap<>();
        batch.stream().filter(each -> !bad.contains(each.kafkaOffset()))
                .forEach(each -> expected.put(((Struct) each.key()).getString("id"), (int) (each.kafkaOffset() / 20)));
        assertEquals(expected.entrySet().stream().map(Object::toString).toList(),
                query("SELECT id || '=' || age FROM " + USERS + " ORDER BY id COLLATE \"C\""));
    }

    @Test
    void laterRecordsOfADeadKeyFollowEvenAcrossBatches() throws SQLException {
        put(Envelopes.upsert(0, "a", 1), Envelopes.upsert(1, "b", TOO_OLD));
        put(Envelopes.upsert(2, "b", 2), Envelopes.upsert(3, "a", 2), Envelopes.delete(4, "b"));
        assertEquals(List.of(1L, 2L, 4L), context.reportedOffsets());
        assertEquals(List.of("a 2 {} {\"colour\": \"red\"}"), rows());
    }

    @Test
    void aNewTaskTriesTheKeyAgain() throws SQLException {
        put(Envelopes.upsert(1, "b", TOO_OLD));
        startTask("first", Map.of());
        put(Envelopes.upsert(2, "b", 2));
        assertEquals(List.of("b 2 {} {\"colour\": \"red\"}"), rows());
    }

    @Test
    void aBadRecordThatALaterOneOfItsBatchReplacesIsNotWrittenAtAll() throws SQLException {
        put(Envelopes.upsert(1, "b", TOO_OLD), Envelopes.upsert(2, "b", 2));
        assertEquals(List.of(), context.reported);
        assertEquals(List.of("b 2 {} {\"colour\": \"red\"}"), rows());
    }

    @Test
    void aPassingFaultInTheMiddleOfTheSearchCostsOneRetryAndNoDoubleReport() throws SQLException {
        sql("CREATE SEQUENCE " + SCHEMA + ".attempts", "CREATE FUNCTION " + SCHEMA + ".deadlock() RETURNS trigger LANGUAGE plpgsql"
                + " SECURITY DEFINER AS $$ BEGIN IF NEW.id = 'c' AND EXISTS (SELECT FROM " + USERS + " WHERE id = 'a') AND nextval('"
                + SCHEMA + ".attempts') = 1 THEN"
                + " RAISE 'x' USING ERRCODE = '40P01'; END IF; RETURN NEW; END $$",
                "CREATE TRIGGER deadlock BEFORE INSERT ON " + USERS + " FOR EACH ROW EXECUTE FUNCTION " + SCHEMA + ".deadlock()");
        SinkRecord[] batch = {Envelopes.upsert(0, "a", 1), Envelopes.upsert(1, "b", TOO_OLD), Envelopes.upsert(2, "c", 3),
            Envelopes.upsert(3, "d", TOO_OLD)};
        retriable(batch);
        put(batch);
        assertEquals(List.of(1L, 3L), context.reportedOffsets());
        assertEquals(List.of("a", "c"), query("SELECT id FROM " + USERS + " ORDER BY id"));
    }

    @Test
    void anOutageReportsNothing() throws SQLException {
        put(Envelopes.upsert(0, "a", 1));
        terminateSessions();
        retriable(Envelopes.upsert(1, "b", TOO_OLD));
        assertEquals(List.of(), context.reported);
    }

    @Test
    void withoutAQueueTheTaskFailsAtTheRecordAndShowsNoValue() {
        context.hasQueue = false;
        startTask("first", Map.of());
        ConnectException failure = permanent(Envelopes.upsert(0, "a", 1), Envelopes.upsert(1, "b", TOO_OLD));
        assertTrue(failure.getMessage().contains("The database refuses record cdc.shop.users-0@1"), failure.getMessage());
        assertFalse(failure.getMessage().contains(String.valueOf(TOO_OLD)), failure.getMessage());
    }

    @Test
    void aColumnWhoseTypeChangedAtTheSourceStopsTheTaskAndSendsNothingToTheQueue() throws SQLException {
        SinkRecord record = ageAsText(0, "a", "seven");
        ConnectException failure = permanent(record);
        assertTrue(failure.getMessage().contains("Column age of " + USERS + " has type int4, but its values arrive as text"), failure.getMessage());
        assertFalse(failure.getMessage().contains("seven"), failure.getMessage());
        assertEquals(List.of(), context.reported);
        sql("ALTER TABLE " + USERS + " DROP CONSTRAINT users_age_check", "ALTER TABLE " + USERS + " ALTER age TYPE text");
        startTask("first", Map.of());
        put(record);
        assertEquals(List.of("a seven null null"), rows());
    }

    @Test
    void aColumnThatTakesOtherValuesThanTheSourceSendsIsNamed() throws SQLException {
        sql("ALTER TABLE " + USERS + " DROP CONSTRAINT users_age_check", "ALTER TABLE " + USERS + " ALTER age TYPE bytea USING NULL");
        ConnectException failure = permanent(Envelopes.upsert(0, "a", 7));
        assertTrue(failure.getMessage().contains("Column age of " + USERS + " has type bytea, but its values arrive as numbers"), failure.getMessage());
        assertEquals(List.of(), context.reported);
    }

    @Test
    void aTableThatChangedSinceItWasReadIsReadAgainBeforeARecordIsRefused() throws SQLException {
        for (int offset = 0; offset < 10; offset++) { // after some executions the server keeps the statement's types
            put(ageAsText(offset, "a", "7"));
        }
        sql("ALTER TABLE " + USERS + " DROP CONSTRAINT users_age_check", "ALTER TABLE " + USERS + " ALTER age TYPE numeric");
        put(ageAsText(10, "b", "1180591620717411303424"), ageAsText(11, "c", "no number"));
        assertEquals(List.of("a 7 null null", "b 1180591620717411303424 null null"), rows());
        assertEquals(List.of(11L), context.reportedOffsets());
    }

    @Test
    void aTableThatChangedIsReadAgainOnlyOnce() throws SQLException {
        put(Envelopes.upsert(0, "a", 1));
        sql("ALTER TABLE " + USERS + " ADD note text");
        String sessions = "SELECT pid FROM pg_stat_activity WHERE usename = '" + WRITER + "' ORDER BY pid";
        List<String> before = query(sessions);
        put(Envelopes.upsert(1, "b", TOO_OLD));
        List<String> after = query(sessions);
        assertNotEquals(before, after);
        put(Envelopes.upsert(2, "c", TOO_OLD), Envelopes.upsert(3, "d", 3));
        assertEquals(after, query(sessions));
        assertEquals(List.of(1L, 2L), context.reportedOffsets());
    }

    @Test
    void waitingHoldsThePartitionUntilTheCauseIsCured() throws SQLException {
        startTask("first", Map.of("dead.key.policy", "wait"));
        SinkRecord[] batch = {Envelopes.upsert(0, "a", 1), Envelopes.upsert(1, "b", TOO_OLD), Envelopes.upsert(2, "b", 2)};
        put(batch[0], batch[1]);
        put(batch[1]);
        assertEquals(Map.of(PARTITION, 1L), context.soughtOffsets);
        assertEquals(Set.of(PARTITION.toString()), context.paused);
        assertEquals(1, task.preCommit(Map.of(PARTITION, new OffsetAndMetadata(2))).get(PARTITION).offset());
        assertEquals(List.of(), context.reported);
        sql("ALTER TABLE " + USERS + " DROP CONSTRAINT users_age_check");
        put(batch[1], batch[2]);
        assertEquals(List.of("a 1 {} {\"colour\": \"red\"}", "b 2 {} {\"colour\": \"red\"}"), rows());
        assertEquals(3, task.preCommit(Map.of(PARTITION, new OffsetAndMetadata(3))).get(PARTITION).offset());
    }

    private static SinkRecord createdAt(String id, long epochMs) {
        Struct after = new Struct(Envelopes.AFTER).put("id", id).put("created_at", new Date(epochMs));
        return Envelopes.record(1, Envelopes.key(id), envelope(Envelopes.ENVELOPE, after));
    }

    private static SinkRecord attributes(String id, String value) {
        Struct after = new Struct(Envelopes.AFTER).put("id", id).put("attributes", List.of(Envelopes.attribute("k", value)));
        return Envelopes.record(1, Envelopes.key(id), envelope(Envelopes.ENVELOPE, after));
    }

    private static SinkRecord withoutNested(long offset, String id, int age) {
        return Envelopes.record(offset, Envelopes.key(id), envelope(Envelopes.ENVELOPE, new Struct(Envelopes.AFTER).put("id", id).put("age", age)));
    }

    private static SinkRecord ageAsText(long offset, String id, String age) {
        Schema after = SchemaBuilder.struct().name("cdc.shop.users.After").field("age", Schema.OPTIONAL_STRING_SCHEMA)
                .field("id", Schema.OPTIONAL_STRING_SCHEMA).optional().build();
        Schema schema = Envelopes.envelope(Envelopes.BEFORE, after);
        return Envelopes.record(offset, Envelopes.key(id), envelope(schema, new Struct(after).put("id", id).put("age", age)));
    }

    private static Struct envelope(Schema schema, Struct after) {
        return new Struct(schema).put("source", Envelopes.source("shop", "users")).put("after", after).put("op", "u");
    }
}
