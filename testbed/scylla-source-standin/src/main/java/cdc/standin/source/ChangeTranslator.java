package cdc.standin.source;

import com.scylladb.cdc.model.TableName;
import com.scylladb.cdc.model.TaskId;
import com.scylladb.cdc.model.worker.ChangeSchema;
import com.scylladb.cdc.model.worker.RawChange;
import com.scylladb.cdc.model.worker.RawChange.OperationType;
import com.scylladb.cdc.model.worker.TaskState;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Turns the log rows of one change into records. Not for use by several threads. */
final class ChangeTranslator {
    private static final Logger LOGGER = LoggerFactory.getLogger(ChangeTranslator.class);

    private final String topicPrefix;
    private final boolean includesAfter;
    private final boolean tombstones;
    private final TableName table;
    private final String topic;
    private final Map<String, String> partition;
    private ChangeSchema logSchema;
    private TableSchema schema;

    ChangeTranslator(SourceConfig config, TaskId id) {
        this.topicPrefix = config.topicPrefix();
        this.includesAfter = config.includesAfter();
        this.tombstones = config.getBoolean(SourceConfig.TOMBSTONES_ON_DELETE);
        this.table = id.getTable();
        this.topic = topicPrefix + "." + table.keyspace + "." + table.name;
        this.partition = SourceOffset.partition(id);
    }

    /**
     * Translates all log rows with one stream and one time.
     *
     * @param before state before the change: the offset of all records but the last, so that no restart can skip a
     *               part of the change
     * @param after  state after the change: the offset of the last record
     */
    List<SourceRecord> translate(List<RawChange> rows, TaskState before, TaskState after) {
        use(rows.get(0).getSchema());
        Map<Struct, RawChange> postImages = new HashMap<>();
        for (RawChange row : rows) {
            if (includesAfter && row.getOperationType() == OperationType.POST_IMAGE) {
                postImages.put(schema.keyOf(row), row);
            }
        }
        List<Event> events = new ArrayList<>();
        for (RawChange row : rows) {
            addEvents(events, row, postImages);
        }
        List<SourceRecord> records = new ArrayList<>(events.size());
        Map<String, String> offsetBefore = events.size() > 1 ? SourceOffset.format(before) : null;
        for (int i = 0; i < events.size(); i++) {
            boolean last = i == events.size() - 1;
            records.add(toRecord(events.get(i), last ? SourceOffset.format(after) : offsetBefore));
        }
        return records;
    }

    private void use(ChangeSchema present) {
        if (present != logSchema && !present.equals(logSchema)) {
            schema = new TableSchema(topicPrefix, table, present);
        }
        logSchema = present;
    }

    private void addEvents(List<Event> events, RawChange row, Map<Struct, RawChange> postImages) {
        switch (row.getOperationType()) {
            case ROW_INSERT -> addWrite(events, "c", row, postImages);
            case ROW_UPDATE -> addWrite(events, "u", row, postImages);
            case ROW_DELETE -> addDelete(events, row);
            case PARTITION_DELETE -> {
                // Without clustering columns a partition is a row; else nobody can name the deleted rows.
                if (!schema.hasClusteringKey()) {
                    addDelete(events, row);
                }
            }
            default -> {
                // Images belong to another row of the change; range deletes are not delivered.
            }
        }
    }

    private void addWrite(List<Event> events, String operation, RawChange row, Map<Struct, RawChange> postImages) {
        Struct key = schema.keyOf(row);
        RawChange image = postImages.get(key);
        if (includesAfter && image == null) {
            // ScyllaDB's connector waits for the image and drops the change in the end.
            LOGGER.error("Dropping a change of {} without post-image, operation {}, time {}",
                    topic, operation, row.getId().getChangeTime());
            return;
        }
        events.add(new Event(key, envelope(operation, row, image == null ? null : schema.afterOf(image))));
    }

    private void addDelete(List<Event> events, RawChange row) {
        Struct key = schema.keyOf(row);
        events.add(new Event(key, envelope("d", row, null)));
        if (tombstones) {
            events.add(new Event(key, null));
        }
    }

    private Struct envelope(String operation, RawChange row, Struct after) {
        return new Struct(schema.envelope())
                .put("source", Envelope.source(topicPrefix, table, row.getId().getChangeTime().getDate().getTime()))
                .put("after", after)
                .put("op", operation)
                .put("ts_ms", System.currentTimeMillis());
    }

    private SourceRecord toRecord(Event event, Map<String, String> offset) {
        Schema valueSchema = event.envelope() == null ? null : event.envelope().schema();
        return new SourceRecord(
                partition, offset, topic, event.key().schema(), event.key(), valueSchema, event.envelope());
    }

    /** A key with an envelope, or without one for a tombstone. */
    private record Event(Struct key, Struct envelope) {
    }
}
