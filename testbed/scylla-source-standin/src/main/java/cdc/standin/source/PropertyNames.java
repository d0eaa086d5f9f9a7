package cdc.standin.source;

import java.util.List;
import java.util.Set;

/** Which property names a connector configuration may have. */
final class PropertyNames {
    /** Debezium's own that ScyllaDB's connector has too; the stand-in takes them and does nothing with them. */
    static final List<String> WITHOUT_EFFECT = List.of(
            "max.queue.size.in.bytes", "topic.naming.strategy", "skipped.operations", "custom.metric.tags",
            "schema.name.adjustment.mode", "field.name.adjustment.mode", "event.processing.failure.handling.mode");

    private static final Set<String> CONNECT = Set.of(
            "name", "connector.class", "tasks.max", "tasks.max.enforce", "key.converter", "value.converter",
            "header.converter", "transforms", "predicates", "config.action.reload", "exactly.once.support",
            "transaction.boundary", "transaction.boundary.interval.ms", "offsets.storage.topic");
    private static final List<String> CONNECT_PREFIXES = List.of(
            "key.converter.", "value.converter.", "header.converter.", "transforms.", "predicates.", "errors.",
            "producer.override.", "consumer.override.", "admin.override.", "topic.creation.");
    private static final List<String> DEBEZIUM_PREFIXES = List.of("signal.", "notification.", "snapshot.");

    private PropertyNames() {
    }

    static boolean isKnown(String name) {
        return SourceConfig.DEFINITION.names().contains(name)
                || CONNECT.contains(name)
                || CONNECT_PREFIXES.stream().anyMatch(name::startsWith)
                || DEBEZIUM_PREFIXES.stream().anyMatch(name::startsWith);
    }
}
