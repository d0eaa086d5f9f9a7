package io.confluent.connect.avro;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.storage.Converter;

/**
 * Stand-in for Confluent's Avro converter: the same class name, property names and wire format (a zero byte, four bytes
 * of schema id, Avro), on Apicurio's converter. Subjects are {@code <topic>-key} and {@code <topic>-value}.
 */
public final class AvroConverter implements Converter {
    static final String REGISTRY_URL = "schema.registry.url";
    static final String AUTO_REGISTER = "auto.register.schemas";
    /** Kafka Connect may add it to the properties of any converter. */
    private static final String CONVERTER_TYPE = "converter.type";
    private static final String NATIVE_API = "/apis/registry/v3";
    private static final long CENTURY_MS = Duration.ofDays(36_500).toMillis();
    private static final ConfigDef DEFINITION = new ConfigDef()
            .define(REGISTRY_URL, ConfigDef.Type.STRING, ConfigDef.NO_DEFAULT_VALUE, new ConfigDef.NonEmptyString(),
                    ConfigDef.Importance.HIGH, "Base URL of the schema registry; one only.")
            .define(AUTO_REGISTER, ConfigDef.Type.BOOLEAN, true, ConfigDef.Importance.MEDIUM,
                    "Whether an unknown schema is registered.");

    private final Converter apicurio = new io.apicurio.registry.utils.converter.AvroConverter<>();

    @Override
    public ConfigDef config() {
        return DEFINITION;
    }

    /** @throws ConfigException if a property is missing, invalid or unknown */
    @Override
    public void configure(Map<String, ?> properties, boolean isKey) {
        Map<String, Object> translated = translate(properties);
        withOwnClasses(() -> {
            apicurio.configure(translated, isKey);
            return null;
        });
    }

    static Map<String, Object> translate(Map<String, ?> properties) {
        for (String name : properties.keySet()) {
            if (!DEFINITION.names().contains(name) && !name.equals(CONVERTER_TYPE)) {
                // Without the value, which may be a password.
                throw new ConfigException("Unknown property " + name
                        + ": the stand-in for Confluent's Avro converter knows only " + DEFINITION.names());
            }
        }
        Map<String, Object> parsed = DEFINITION.parse(properties);
        String url = (String) parsed.get(REGISTRY_URL);
        if (url.contains(",")) {
            throw new ConfigException(REGISTRY_URL + ": the stand-in takes one URL only");
        }
        Map<String, Object> translated = new HashMap<>();
        translated.put("apicurio.registry.url", url.replaceFirst("/+$", "") + NATIVE_API);
        translated.put("apicurio.registry.auto-register", parsed.get(AUTO_REGISTER));
        translated.put("apicurio.registry.auto-register.if-exists", "FIND_OR_CREATE_VERSION");
        // Else each nested record becomes a subject of its own, shared by all tables.
        translated.put("apicurio.registry.dereference-schema", true);
        translated.put("apicurio.registry.schema-resolver", new KnownSchemas<>());
        // What an id stands for does not change. Asked again, the registry would give another object for the same schema,
        // which AvroData compares with the one before, field by field, for each record.
        translated.put("apicurio.registry.check-period-ms", CENTURY_MS);
        return translated;
    }

    @Override
    public byte[] fromConnectData(String topic, Schema schema, Object value) {
        return withOwnClasses(() -> apicurio.fromConnectData(topic, schema, value));
    }

    @Override
    public byte[] fromConnectData(String topic, Headers headers, Schema schema, Object value) {
        return withOwnClasses(() -> apicurio.fromConnectData(topic, headers, schema, value));
    }

    @Override
    public SchemaAndValue toConnectData(String topic, byte[] value) {
        return withOwnClasses(() -> apicurio.toConnectData(topic, value));
    }

    @Override
    public SchemaAndValue toConnectData(String topic, Headers headers, byte[] value) {
        return withOwnClasses(() -> apicurio.toConnectData(topic, headers, value));
    }

    /** Apicurio finds classes through the thread's loader, which may be that of another plug-in. */
    private static <T> T withOwnClasses(Supplier<T> call) {
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        thread.setContextClassLoader(AvroConverter.class.getClassLoader());
        try {
            return call.get();
        } finally {
            thread.setContextClassLoader(before);
        }
    }
}
