package cdc.connect;

import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.storage.Converter;

/**
 * Hands every record to another converter and makes an unreachable schema registry a {@link RetriableException}.
 *
 * <p>Converters report an outage of the registry as they report a broken record, so that Connect fails the task or
 * sends good records to the dead letter queue. Connect repeats a retriable conversion for {@code errors.retry.timeout}
 * milliseconds; set that to -1 for as long as it takes. All other failures pass unchanged.
 *
 * <p>Property {@code delegate} is the class of the other converter, in any plug-in folder of the worker; every other
 * property goes to it.
 */
public class RetryingConverter implements Converter {

    static final String DELEGATE = "delegate";

    private static final ConfigDef CONFIG = new ConfigDef().define(DELEGATE, ConfigDef.Type.STRING,
            "io.confluent.connect.avro.AvroConverter", ConfigDef.Importance.HIGH, "Class of the converter that does the work");

    private Converter delegate;

    @Override
    public void configure(Map<String, ?> properties, boolean isKey) {
        delegate = newDelegate((String) CONFIG.parse(properties).get(DELEGATE));
        Map<String, Object> rest = new HashMap<>(properties);
        rest.remove(DELEGATE);
        // As Connect does for the converters that it makes itself: they look for their own classes while they configure.
        Thread thread = Thread.currentThread();
        ClassLoader callers = thread.getContextClassLoader();
        thread.setContextClassLoader(delegate.getClass().getClassLoader());
        try {
            delegate.configure(rest, isKey);
        }
        finally {
            thread.setContextClassLoader(callers);
        }
    }

    @Override
    public ConfigDef config() {
        return CONFIG;
    }

    @Override
    public byte[] fromConnectData(String topic, Schema schema, Object value) {
        return retriable(topic, () -> delegate.fromConnectData(topic, schema, value));
    }

    @Override
    public byte[] fromConnectData(String topic, Headers headers, Schema schema, Object value) {
        return retriable(topic, () -> delegate.fromConnectData(topic, headers, schema, value));
    }

    @Override
    public SchemaAndValue toConnectData(String topic, byte[] value) {
        return retriable(topic, () -> delegate.toConnectData(topic, value));
    }

    @Override
    public SchemaAndValue toConnectData(String topic, Headers headers, byte[] value) {
        return retriable(topic, () -> delegate.toConnectData(topic, headers, value));
    }

    private static <T> T retriable(String topic, Supplier<T> conversion) {
        try {
            return conversion.get();
        }
        catch (RuntimeException e) {
            if (e instanceof RetriableException || !RegistryFaults.isTransient(e)) {
                throw e;
            }
            throw new RetriableException("The schema registry does not answer; a record of topic '" + topic + "' waits", e);
        }
    }

    private static Converter newDelegate(String className) {
        try {
            // This plug-in's loader asks the worker's loader, which knows the plug-ins of every folder by name.
            return Class.forName(className, true, RetryingConverter.class.getClassLoader())
                    .asSubclass(Converter.class).getDeclaredConstructor().newInstance();
        }
        catch (ReflectiveOperationException | ClassCastException e) {
            throw new ConfigException(DELEGATE, className,
                    "is no converter of this worker (" + e + "); install its plug-in in a folder of plugin.path");
        }
    }
}
