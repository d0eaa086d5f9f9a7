package cdc.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.opentelemetry.api.common.AttributeKey;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.context.Context;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class PutSpansTest {

    private static final String PRODUCER = "00000000000000aa";

    private final RecordedSpans spans = new RecordedSpans(Sampler.alwaysOn());

    @AfterEach
    void nothingStaysCurrent() {
        spans.close();
        assertSame(Context.root(), Context.current());
    }

    @Test
    void aTracedRecordGetsASpanBelowItsProducersSpan() {
        begin(traced(1)).close();

        SpanData put = spans.ended().get(0);
        assertEquals("put", put.getName());
        assertEquals(traceId(1), put.getTraceId());
        assertEquals(PRODUCER, put.getParentSpanId());
        assertEquals(1L, put.getAttributes().get(AttributeKey.longKey("messaging.batch.message_count")));
        assertEquals(StatusCode.UNSET, put.getStatus().getStatusCode());
    }

    @Test
    void theStatementsBelongToTheFirstTracedRecordAndTheOthersAreLinkedToIt() {
        String current;
        try (PutSpans open = begin(untraced(1), traced(2), untraced(3), traced(4))) {
            current = Span.current().getSpanContext().getSpanId();
        }

        assertEquals(List.of(traceId(2), traceId(4)), spans.ended().stream().map(SpanData::getTraceId).toList());
        SpanData first = spans.ended().get(0);
        SpanData second = spans.ended().get(1);
        assertEquals(first.getSpanId(), current);
        assertTrue(first.getLinks().isEmpty());
        assertEquals(first.getSpanContext(), second.getLinks().get(0).getSpanContext());
        assertEquals(4L, second.getAttributes().get(AttributeKey.longKey("messaging.batch.message_count")));
    }

    @Test
    void everyTracedRecordOfALargeBatchHasItsSpan() {
        SinkRecord[] batch = IntStream.range(1, 1_001).mapToObj(PutSpansTest::traced).toArray(SinkRecord[]::new);
        begin(batch).close();

        assertEquals(1_000, spans.ended().stream().map(SpanData::getTraceId).distinct().count());
    }

    @Test
    void aBatchWithoutTracedRecordsIsNotTracedAtAll() {
        try (PutSpans open = begin(untraced(1), untraced(2))) {
            assertTrue(Span.current().getSpanContext().isValid());
            assertFalse(Span.current().getSpanContext().isSampled());
            spans.tracer().spanBuilder("INSERT").startSpan().end();
        }
        assertTrue(spans.ended().isEmpty());
    }

    @Test
    void aFailedPutSaysWhyInEveryTrace() {
        try (PutSpans open = begin(traced(1), traced(2))) {
            open.failed("SQLSTATE 57P01");
        }
        for (SpanData put : spans.ended()) {
            assertEquals(StatusCode.ERROR, put.getStatus().getStatusCode());
            assertEquals("SQLSTATE 57P01", put.getStatus().getDescription());
        }
        assertEquals(2, spans.ended().size());
    }

    @Test
    void aRefusedRecordSaysWhyInItsOwnTraceOnly() {
        try (PutSpans open = begin(traced(1), traced(2), untraced(3))) {
            open.refused(traced(2), "SQLSTATE 23514");
            open.refused(untraced(3), "SQLSTATE 23514");
        }

        assertEquals(StatusCode.UNSET, spans.ended().get(0).getStatus().getStatusCode());
        assertEquals("SQLSTATE 23514", spans.ended().get(1).getStatus().getDescription());
    }

    @Test
    void aBatchThatComesAgainGetsSpansAgain() {
        SinkRecord record = traced(1);
        begin(record).close();
        begin(record).close();

        assertEquals(2, spans.ended().size());
    }

    @Test
    void withoutAnAgentNothingHappens() {
        try (PutSpans open = PutSpans.begin(List.of(traced(1)))) {
            open.failed("why");
        }
        assertTrue(spans.ended().isEmpty());
    }

    @Test
    void aTracedRecordWhoseTraceCannotBeReadHasATraceOfItsOwn() {
        SinkRecord record = Envelopes.upsert(1, "a", 7);
        record.headers().addString("cdc.correlation.id", "shop.users id=1 @1000");
        begin(record).close();

        assertFalse(spans.ended().get(0).getParentSpanContext().isValid());
    }

    private PutSpans begin(SinkRecord... batch) {
        return PutSpans.begin(List.of(batch), spans.tracer());
    }

    private static SinkRecord traced(int number) {
        SinkRecord record = Envelopes.upsert(number, "a", 7);
        record.headers().addString("cdc.correlation.id", "shop.users id=a @1000");
        record.headers().addString("traceparent", "00-" + traceId(number) + "-" + PRODUCER + "-01");
        return record;
    }

    /** As the agent marks a record whose trace is not sampled. */
    private static SinkRecord untraced(int number) {
        SinkRecord record = Envelopes.upsert(number, "a", 7);
        record.headers().addString("traceparent", "00-" + traceId(number) + "-" + PRODUCER + "-00");
        return record;
    }

    private static String traceId(int number) {
        return String.format("%032x", number);
    }
}
