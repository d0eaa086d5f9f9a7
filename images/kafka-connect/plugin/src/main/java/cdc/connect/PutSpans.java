package cdc.connect;

import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanBuilder;
import io.opentelemetry.api.trace.StatusCode;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
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

    /** The first one is that which the others link to. */
    private final List<Span> spans;
    private final Scope scope;

    private PutSpans(List<Span> spans, Scope scope) {
        this.spans = spans;
        this.scope = scope;
    }

    static PutSpans begin(Collection<SinkRecord> batch) {
        return begin(batch, GlobalOpenTelemetry.getTracer(Traces.INSTRUMENTATION));
    }

    static PutSpans begin(Collection<SinkRecord> batch, Tracer tracer) {
        List<Span> spans = new ArrayList<>();
        Context statements = Traces.UNTRACED;
        for (SinkRecord record : batch) {
            if (!Traces.isTraced(record)) {
                continue;
            }
            Context produced = Traces.of(record);
            SpanBuilder builder = tracer.spanBuilder(SPAN).setParent(produced).setAttribute(RECORDS, batch.size());
            if (!spans.isEmpty()) {
                builder.addLink(spans.get(0).getSpanContext());
            }
            Span span = builder.startSpan();
            if (spans.isEmpty()) {
                statements = produced.with(span);
            }
            spans.add(span);
        }
        return new PutSpans(spans, statements.makeCurrent());
    }

    /** The reason must not hold a row value: traces are shown to everybody who may look at them. */
    void failed(String reason) {
        spans.forEach(span -> span.setStatus(StatusCode.ERROR, reason));
    }

    @Override
    public void close() {
        scope.close();
        spans.forEach(Span::end);
    }
}
