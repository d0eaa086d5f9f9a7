package cdc.standin.source;

import java.util.List;
import java.util.regex.Pattern;
import org.apache.kafka.common.config.ConfigDef.Validator;
import org.apache.kafka.common.config.ConfigException;

/** Formats of list properties. */
final class FieldFormats {
    private static final Pattern CONTACT_POINT = Pattern.compile("[^:\\s]+:\\d{1,5}");
    private static final Pattern TABLE_NAME = Pattern.compile("[a-zA-Z0-9_]{1,48}\\.[a-zA-Z0-9_]{1,48}");

    static final Validator CONTACT_POINTS = listOf(CONTACT_POINT, "host:port pairs");
    static final Validator TABLE_NAMES = listOf(TABLE_NAME, "keyspace.table names");

    private FieldFormats() {
    }

    private static Validator listOf(Pattern format, String expected) {
        return (name, value) -> {
            List<?> items = value == null ? List.of() : (List<?>) value;
            if (items.isEmpty()) {
                throw new ConfigException(name, null, "expected a comma-separated list of " + expected);
            }
            for (Object item : items) {
                if (!format.matcher(item.toString()).matches()) {
                    throw new ConfigException(name, item, "expected a comma-separated list of " + expected);
                }
            }
        };
    }
}
