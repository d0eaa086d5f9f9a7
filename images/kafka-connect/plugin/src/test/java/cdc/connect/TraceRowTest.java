package cdc.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import java.util.Date;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.source.SourceRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TraceRowTest {

    private static final String ID = "shop.users id=a @1000";

    private final RecordedSpans spans = new RecordedSpans(Sampler.alwaysOn());
    private final TraceRow<SourceRecord> transform = new TraceRow<>(spans.tracer());

    @AfterEach
    void nothingStaysCurrent() {
        transform.close();
        spans.close();
        assertSame(Context.root(), Context.current());
    }

    @Test
    void theSpanNamesTableKeyOperationAndTimeOfTheChange() {
        transform.apply(upsert("a"));

        SpanData span = spans.ended().get(0);
        assertEquals("capture", span.getName());
        assertFalse(span.getParentSpanContext().isValid());
        assertEquals("shop.users", text(span, "cdc.table"));
        assertEquals("id=a", text(span, "cdc.key"));
        assertEquals("u", text(span, "cdc.operation"));
        assertEquals(1_000L, span.getAttributes().get(AttributeKey.longKey("cdc.source.timestamp_us")));
        assertEquals(ID, text(span, "cdc.correlation.id"));
    }

    @Test
    void aTracedRecordCarriesTheCorrelationIdAndIsOtherwiseTheSame() {
        SourceRecord record = upsert("a");
        SourceRecord traced = transform.apply(record);

        assertEquals(ID, traced.headers().lastWithName("cdc.correlation.id").value());
        assertTrue(record.headers().isEmpty());
        assertEquals(record, traced.newRecord(record.topic(), record.kafkaPartition(), record.keySchema(), record.key(),
                record.valueSchema(), record.value(), record.timestamp(), record.headers()));
    }

    @Test
    void whatIsSentNextBelongsToTheTrace() {
        transform.apply(upsert("a"));

        assertEquals(spans.ended().get(0).getSpanContext(), Span.current().getSpanContext());
    }

    @Test
    void eachRecordHasATraceOfItsOwn() {
        transform.apply(upsert("a"));
        transform.apply(upsert("b"));

        SpanData first = spans.ended().get(0);
        SpanData second = spans.ended().get(1);
        assertNotEquals(first.getTraceId(), second.getTraceId());
        assertEquals(second.getSpanContext(), Span.current().getSpanContext());
    }

    @Test
    void aThousandRecordsLeaveOneScopeOpen() {
        for (int i = 0; i < 1_000; i++) {
            transform.apply(upsert("a"));
        }
        transform.close();
        assertSame(Context.root(), Context.current());
    }

    @Test
    void aTombstoneStaysInTheTraceOfTheDeleteBeforeIt() {
        transform.apply(record(Envelopes.key("a"), (Struct) Envelopes.delete(1, "a").value()));
        SpanContext delete = Span.current().getSpanContext();
        SourceRecord tombstone = record(Envelopes.key("a"), null);

        assertSame(tombstone, transform.apply(tombstone));
        assertEquals(delete, Span.current().getSpanContext());
        assertEquals(1, spans.ended().size());
    }

    @Test
    void aHeartbeatBeginsNoTraceAndEndsTheLastOne() {
        transform.apply(upsert("a"));
        SourceRecord heartbeat = record(Envelopes.key("a"), Envelopes.key("a"));

        assertSame(heartbeat, transform.apply(heartbeat));
        assertFalse(Span.current().getSpanContext().isSampled());
        assertTrue(Span.current().getSpanContext().isValid());
        assertEquals(1, spans.ended().size());
    }

    @Test
    void aRecordThatIsNotSampledIsLeftAloneAndItsSendIsNotTraced() {
        TraceRow<SourceRecord> unsampled = new TraceRow<>(new RecordedSpans(Sampler.alwaysOff()).tracer());
        SourceRecord record = upsert("a");

        assertSame(record, unsampled.apply(record));
        assertTrue(Span.current().getSpanContext().isValid());
        assertFalse(Span.current().getSpanContext().isSampled());
        unsampled.close();
    }

    @Test
    void withoutAnAgentRecordsAreLeftAlone() {
        TraceRow<SourceRecord> alone = new TraceRow<>();
        alone.configure(Map.of());
        SourceRecord record = upsert("a");

        assertSame(record, alone.apply(record));
        alone.close();
    }

    @Test
    void aKeyOfSeveralColumnsIsInTheOrderOfTheirNames() {
        Schema schema = SchemaBuilder.struct().field("order_id", Schema.OPTIONAL_INT64_SCHEMA)
                .field("at", Timestamp.builder().optional().build()).field("customer_id", Schema.OPTIONAL_STRING_SCHEMA).build();
        Struct key = new Struct(schema).put("order_id", 7L).put("at", new Date(1_500)).put("customer_id", null);
        transform.apply(record(key, (Struct) Envelopes.upsert(1, "a", 7).value()));

        assertEquals("at=1970-01-01T00:00:01.500Z, customer_id=null, order_id=7", text(spans.ended().get(0), "cdc.key"));
    }

    @Test
    void microsecondsOfTheSourceComeBeforeItsMilliseconds() {
        Schema source = SchemaBuilder.struct().field("ts_ms", Schema.INT64_SCHEMA).field("ts_us", Schema.OPTIONAL_INT64_SCHEMA)
                .field("keyspace_name", Schema.STRING_SCHEMA).field("table_name", Schema.STRING_SCHEMA).build();
        Schema envelope = SchemaBuilder.struct().field("source", source).build();
        Struct block = new Struct(source).put("ts_ms", 1L).put("ts_us", 1_234L).put("keyspace_name", "shop")
                .put("table_name", "users");
        Change change = Change.of(record(Envelopes.key("a"), new Struct(envelope).put("source", block)));

        assertEquals(1_234, change.timestampUs());
    }

    private static SourceRecord upsert(String id) {
        return record(Envelopes.key(id), (Struct) Envelopes.upsert(1, id, 7).value());
    }

    private static SourceRecord record(Struct key, Struct value) {
        return new SourceRecord(Map.of(), Map.of(), Envelopes.TOPIC, 0, key.schema(), key, value == null ? null : value.schema(),
                value, 1_000L);
    }

    private static String text(SpanData span, String attribute) {
        return span.getAttributes().get(AttributeKey.stringKey(attribute));
    }
}
