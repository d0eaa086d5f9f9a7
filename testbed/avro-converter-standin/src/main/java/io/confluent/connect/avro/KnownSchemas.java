package io.confluent.connect.avro;

import io.apicurio.registry.resolver.DefaultSchemaResolver;
import io.apicurio.registry.resolver.SchemaLookupResult;
import io.apicurio.registry.resolver.data.Record;
import io.apicurio.registry.serde.data.SerdeMetadata;
import java.util.HashMap;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericContainer;

/**
 * Remembers what the registry said of a schema, as Confluent's client does. Apicurio's resolver writes the schema of each
 * record as text, to look it up by that.
 *
 * <p>For one thread at a time, as the converters of Kafka Connect are.
 */
final class KnownSchemas<T extends GenericContainer> extends DefaultSchemaResolver<Schema, T> {
    private final Map<Subject, SchemaLookupResult<Schema>> known = new HashMap<>();

    /** Avro's schemas keep their hash code, and one that is known is mostly the same object. */
    private record Subject(String topic, Schema schema) {
    }

    @Override
    public SchemaLookupResult<Schema> resolveSchema(Record<T> data) {
        Subject subject = new Subject(((SerdeMetadata) data.metadata()).getTopic(), data.payload().getSchema());
        return known.computeIfAbsent(subject, absent -> super.resolveSchema(data));
    }

    @Override
    public void reset() {
        known.clear();
        super.reset();
    }
}
