package cdc.connect;

import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.SpanContext;
import io.opentelemetry.api.trace.TraceFlags;
import io.opentelemetry.api.trace.TraceState;
import io.opentelemetry.api.trace.propagation.W3CTraceContextPropagator;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.propagation.TextMapGetter;
import java.util.stream.StreamSupport;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.header.Headers;

/** What both ends of a row's trace agree on. Without OpenTelemetry's agent in the worker all of it does nothing. */
final class Traces {

    /** Of the spans that this plug-in makes. */
    static final String INSTRUMENTATION = "cdc.connect";

    /** The header that a traced record carries besides the agent's {@code traceparent}: {@link Change#id}. */
    static final String CORRELATION_ID = "cdc.correlation.id";

    /** While this is current, no span begins a trace of its own: the agent would take a sample of what is not about a row. */
    static final Context UNTRACED = Context.root().with(Span.wrap(SpanContext.create("00000000000000000000000000000001",
            "0000000000000001", TraceFlags.getDefault(), TraceState.getDefault())));

    private static final TextMapGetter<Headers> HEADERS = new TextMapGetter<>() {
        @Override
        public Iterable<String> keys(Headers headers) {
            return StreamSupport.stream(headers.spliterator(), false).map(Header::key).toList();
        }

        @Override
        public String get(Headers headers, String name) {
            Header header = headers.lastWithName(name);
            return header == null || header.value() == null ? null : header.value().toString();
        }
    };

    private Traces() {
    }

    static boolean isTraced(ConnectRecord<?> record) {
        return record.headers().lastWithName(CORRELATION_ID) != null;
    }

    /** The trace that a record's headers name, with the span that produced the record. */
    static Context of(ConnectRecord<?> record) {
        return W3CTraceContextPropagator.getInstance().extract(Context.root(), record.headers(), HEADERS);
    }
}
