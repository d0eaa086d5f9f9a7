package cdc.connect;

import io.opentelemetry.api.trace.Tracer;
import io.opentelemetry.sdk.testing.exporter.InMemorySpanExporter;
import io.opentelemetry.sdk.trace.SdkTracerProvider;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.export.SimpleSpanProcessor;
import io.opentelemetry.sdk.trace.samplers.Sampler;
import java.util.List;

/** A tracer that keeps the spans that have ended. */
final class RecordedSpans implements AutoCloseable {

    private final InMemorySpanExporter exporter = InMemorySpanExporter.create();
    private final SdkTracerProvider provider;

    RecordedSpans(Sampler root) {
        provider = SdkTracerProvider.builder().setSampler(Sampler.parentBased(root))
                .addSpanProcessor(SimpleSpanProcessor.create(exporter)).build();
    }

    Tracer tracer() {
        return provider.get("test");
    }

    List<SpanData> ended() {
        return exporter.getFinishedSpanItems();
    }

    @Override
    public void close() {
        provider.close();
    }
}
