package cdc.connect;

import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * A span {@code put} in the trace of every traced record of a batch, for as long as the batch is written.
 *
 * <p>The agent's spans of the statements become children of one of them, which all others link to: a batch is written once,
 * for all of its records. Of a batch without traced records nothing is traced.
 */
final class PutSpans implements AutoCloseable {

    static final String SPAN = "put";
    static final String RECORDS = "messaging.batch.message_count";

    /** In the order of the batch; the others link to the first one. */
    private final Map<Place, Span> spans;
    private final Scope scope;

    private PutSpans(Map<Place, Span> spans, Scope scope) {
        this.spans = spans;
        this.scope = scope;
    }

    static PutSpans begin(Collection<SinkRecord> batch) {
        return begin(batch, GlobalOpenTelemetry.getTracer(Traces.INSTRUMENTATION));
    }

    static PutSpans begin(Collection<SinkRecord> batch, Tracer tracer) {
        Map<Place, Span> spans = new LinkedHashMap<>();
        Span first = null;
        Context statements = Traces.UNTRACED;
        for (SinkRecord record : batch) {
            if (!Traces.isTraced(record)) {
                continue;
            }
            Context produced = Traces.of(record);
            SpanBuilder builder = tracer.spanBuilder(SPAN).setParent(produced).setAttribute(RECORDS, batch.size());
            if (first != null) {
                builder.addLink(first.getSpanContext());
            }
            Span span = builder.startSpan();
            spans.put(Place.of(record), span);
            if (first == null) {
                first = span;
                statements = produced.with(span);
            }
        }
        return new PutSpans(spans, statements.makeCurrent());
    }

    /** The whole batch is not written. A reason must not hold a row value: traces show them to whoever may look at traces. */
    void failed(String reason) {
        spans.values().forEach(span -> span.setStatus(StatusCode.ERROR, reason));
    }

    /** This record is not written, whatever becomes of the batch. */
    void refused(SinkRecord record, String reason) {
        Span span = spans.get(Place.of(record));
        if (span != null) {
            span.setStatus(StatusCode.ERROR, reason);
        }
    }

    @Override
    public void close() {
        scope.close();
        spans.values().forEach(Span::end);
    }
}
