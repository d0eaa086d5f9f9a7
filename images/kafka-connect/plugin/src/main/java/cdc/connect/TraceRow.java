package cdc.connect;

import io.opentelemetry.api.GlobalOpenTelemetry;
import io.opentelemetry.api.trace.Span;
import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.context.Context;
import io.opentelemetry.context.Scope;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.header.Headers;
import org.apache.kafka.connect.transforms.Transformation;

/**
 * Begins the trace of a change where it enters the pipeline; the agent's sampler decides for which changes.
 *
 * <p>For the source. A span {@code capture} names the row. It stays current on the task's thread until the next record, so
 * that the agent's span of the send becomes its child and the header {@code traceparent} takes the trace to the sink, where
 * {@link PutSpans} joins it. A traced record gets the header {@value Traces#CORRELATION_ID} as well. Records are not changed
 * otherwise, and what is no change of a row is not traced.
 */
public class TraceRow<R extends ConnectRecord<R>> implements Transformation<R> {

    static final String SPAN = "capture";
    static final String TABLE = "cdc.table";
    static final String KEY = "cdc.key";
    static final String OPERATION = "cdc.operation";
    static final String TIMESTAMP_US = "cdc.source.timestamp_us";

    private final Tracer tracer;
    private Scope current = Scope.noop();

    public TraceRow() {
        this(GlobalOpenTelemetry.getTracer(Traces.INSTRUMENTATION));
    }

    TraceRow(Tracer tracer) {
        this.tracer = tracer;
    }

    @Override
    public R apply(R record) {
        if (record.value() == null) {
            return record; // a tombstone belongs to the delete before it
        }
        current.close();
        if (!Change.isOne(record)) {
            current = Traces.UNTRACED.makeCurrent();
            return record;
        }
        Span span = tracer.spanBuilder(SPAN).setNoParent().startSpan();
        current = Context.root().with(span).makeCurrent();
        if (!span.isRecording()) {
            return record;
        }
        Change change = Change.of(record);
        name(span, change);
        span.end();
        Headers headers = record.headers().duplicate().addString(Traces.CORRELATION_ID, change.id());
        return record.newRecord(record.topic(), record.kafkaPartition(), record.keySchema(), record.key(),
                record.valueSchema(), record.value(), record.timestamp(), headers);
    }

    @Override
    public ConfigDef config() {
        return new ConfigDef();
    }

    @Override
    public void configure(Map<String, ?> properties) {
        // Which changes are traced is the agent's configuration.
    }

    @Override
    public void close() {
        current.close();
        current = Scope.noop();
    }

    private static void name(Span span, Change change) {
        span.setAttribute(TABLE, change.table());
        span.setAttribute(KEY, change.key());
        span.setAttribute(OPERATION, change.operation());
        span.setAttribute(TIMESTAMP_US, change.timestampUs());
        span.setAttribute(Traces.CORRELATION_ID, change.id());
    }
}
