package cdc.standin.source;

import static com.scylladb.cdc.model.worker.RawChange.OperationType.PARTITION_DELETE;
import static com.scylladb.cdc.model.worker.RawChange.OperationType.POST_IMAGE;
import static com.scylladb.cdc.model.worker.RawChange.OperationType.ROW_DELETE;
import static com.scylladb.cdc.model.worker.RawChange.OperationType.ROW_INSERT;
import static com.scylladb.cdc.model.worker.RawChange.OperationType.ROW_RANGE_DELETE_INCLUSIVE_LEFT_BOUND;
import static com.scylladb.cdc.model.worker.RawChange.OperationType.ROW_RANGE_DELETE_INCLUSIVE_RIGHT_BOUND;
import static com.scylladb.cdc.model.worker.RawChange.OperationType.ROW_UPDATE;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.scylladb.cdc.model.worker.RawChange;
import com.scylladb.cdc.model.worker.TaskState;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;
import org.junit.jupiter.api.Test;

class ChangeTranslatorTest {
    private static final long TIME_MS = Fixtures.GENERATION_MS + 123;
    private static final TaskState BEFORE =
            TaskState.createInitialFor(Fixtures.TASK.getGenerationId(), Fixtures.WINDOW_MS);

    private static List<SourceRecord> translate(Map<String, String> properties, RawChange... rows) {
        TaskState after = BEFORE.update(rows[0].getId());
        return new ChangeTranslator(new SourceConfig(properties), Fixtures.TASK).translate(List.of(rows), BEFORE, after);
    }

    private static List<SourceRecord> translate(RawChange... rows) {
        return translate(Fixtures.properties(), rows);
    }

    private static Struct value(SourceRecord record) {
        return (Struct) record.value();
    }

    @Test
    void afterIsThePostimageAndNotTheDelta() {
        List<SourceRecord> records = translate(
                LogRow.simple(ROW_UPDATE, TIME_MS, 1, null), LogRow.simple(POST_IMAGE, TIME_MS, 1, "kept"));

        assertEquals(1, records.size());
        assertEquals("u", value(records.get(0)).getString("op"));
        assertEquals("kept", value(records.get(0)).getStruct("after").getString("name"));
        assertNull(value(records.get(0)).getStruct("before"));
    }

    @Test
    void recordsOfABatchGetTheirOwnPostimages() {
        List<SourceRecord> records = translate(
                LogRow.clustered(ROW_UPDATE, TIME_MS, 1, 2, "x"), LogRow.clustered(ROW_INSERT, TIME_MS, 1, 3, "y"),
                LogRow.clustered(POST_IMAGE, TIME_MS, 1, 3, "three"), LogRow.clustered(POST_IMAGE, TIME_MS, 1, 2, "two"));

        assertEquals("two", value(records.get(0)).getStruct("after").getString("name"));
        assertEquals("three", value(records.get(1)).getStruct("after").getString("name"));
    }

    @Test
    void envelopeHasTheFieldsOfScyllasConnector() {
        Struct value = value(translate(
                LogRow.simple(ROW_INSERT, TIME_MS, 1, "a"), LogRow.simple(POST_IMAGE, TIME_MS, 1, "a")).get(0));

        assertEquals("cdc.shop.users.Envelope", value.schema().name());
        assertEquals(List.of("source", "before", "after", "op", "ts_ms", "transaction", "ts_us", "ts_ns"),
                value.schema().fields().stream().map(Field::name).toList());
        assertNull(value.getInt64("ts_us"));
        assertEquals(TIME_MS * 1000, value.getStruct("source").getInt64("ts_us"));
        assertEquals("users", value.getStruct("source").getString("table_name"));
    }

    @Test
    void keyHasThePartitionKeyBeforeTheClusteringColumns() {
        SourceRecord record = translate(LogRow.clustered(ROW_DELETE, TIME_MS, 1, 2, null)).get(0);

        assertEquals("cdc.shop.users.Key", record.keySchema().name());
        assertEquals(List.of("id", "part"), record.keySchema().fields().stream().map(Field::name).toList());
    }

    @Test
    void deleteOfARowIsFollowedByATombstone() {
        List<SourceRecord> records = translate(LogRow.clustered(ROW_DELETE, TIME_MS, 1, 2, null));

        assertEquals("d", value(records.get(0)).getString("op"));
        assertNull(value(records.get(0)).getStruct("after"));
        assertNull(records.get(1).value());
        assertEquals(records.get(0).key(), records.get(1).key());
    }

    @Test
    void deleteHasNoTombstoneWhenNobodyWantsOne() {
        Map<String, String> properties = Fixtures.properties();
        properties.put(SourceConfig.TOMBSTONES_ON_DELETE, "false");

        assertEquals(1, translate(properties, LogRow.clustered(ROW_DELETE, TIME_MS, 1, 2, null)).size());
    }

    @Test
    void partitionDeleteIsARowDeleteWithoutClusteringKey() {
        assertEquals("d", value(translate(LogRow.simple(PARTITION_DELETE, TIME_MS, 1, null)).get(0)).getString("op"));
    }

    @Test
    void partitionAndRangeDeletesOfClusteredTablesGiveNothing() {
        assertTrue(translate(LogRow.clustered(PARTITION_DELETE, TIME_MS, 1, null, null)).isEmpty());
        assertTrue(translate(
                LogRow.clustered(ROW_RANGE_DELETE_INCLUSIVE_LEFT_BOUND, TIME_MS, 1, 2, null),
                LogRow.clustered(ROW_RANGE_DELETE_INCLUSIVE_RIGHT_BOUND, TIME_MS, 1, null, null)).isEmpty());
    }

    @Test
    void onlyTheLastRecordOfAChangeMovesTheOffset() {
        List<SourceRecord> records = translate(LogRow.clustered(ROW_DELETE, TIME_MS, 1, 2, null));

        assertEquals(SourceOffset.format(BEFORE), records.get(0).sourceOffset());
        assertTrue(records.get(1).sourceOffset().containsKey("change_id_time"));
    }

    @Test
    void dropsAWriteWithoutPostimage() {
        assertTrue(translate(LogRow.simple(ROW_UPDATE, TIME_MS, 1, null)).isEmpty());
    }
}
