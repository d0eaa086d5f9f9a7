package cdc.standin.source;

import com.scylladb.cdc.model.TableName;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigValue;

/** Checks a configuration before the connector is made: first by itself, then against the cluster. */
public final class ConfigCheck {
    private static final Set<String> KEY_PLACEMENTS = Set.of("kafka-key", "payload-after", "payload-before");

    private final Map<String, String> properties;
    private final Map<String, ConfigValue> values = new LinkedHashMap<>();

    private ConfigCheck(Map<String, String> properties) {
        this.properties = properties;
        SourceConfig.DEFINITION.validate(properties).forEach(value -> values.put(value.name(), value));
    }

    /** The configuration with all errors attached to the properties that cause them. */
    public static Config check(Map<String, String> properties) {
        ConfigCheck check = new ConfigCheck(properties);
        check.refuseUnknown();
        check.refuseUnsupported();
        if (check.isClean()) {
            check.askCluster();
        }
        return new Config(List.copyOf(check.values.values()));
    }

    private void refuseUnknown() {
        for (String name : properties.keySet()) {
            if (!PropertyNames.isKnown(name)) {
                ConfigValue unknown = new ConfigValue(name);
                unknown.addErrorMessage("Unknown property " + name + ": neither ScyllaDB's source connector nor "
                        + "Kafka Connect has it");
                values.put(name, unknown);
            }
        }
    }

    private void refuseUnsupported() {
        if (!"advanced".equals(value(SourceConfig.OUTPUT_FORMAT))) {
            error(SourceConfig.OUTPUT_FORMAT, "the stand-in supports advanced only");
        }
        if (!"none".equals(value(SourceConfig.INCLUDE_BEFORE))) {
            error(SourceConfig.INCLUDE_BEFORE, "the stand-in supports none only");
        }
        if ("only-updated".equals(value(SourceConfig.INCLUDE_AFTER))) {
            error(SourceConfig.INCLUDE_AFTER, "the stand-in supports none and full only");
        }
        if (Boolean.TRUE.equals(value(SourceConfig.PREIMAGES_ENABLED))) {
            error(SourceConfig.PREIMAGES_ENABLED, "not compatible with cdc.output.format=advanced");
        }
        checkKeyPlacement();
        if ((value(SourceConfig.USER) == null) != (value(SourceConfig.PASSWORD) == null)) {
            error(SourceConfig.USER, "set both " + SourceConfig.USER + " and " + SourceConfig.PASSWORD + ", or none");
        }
    }

    private void checkKeyPlacement() {
        String written = properties.get(SourceConfig.KEY_PLACEMENT);
        String expected = "kafka-key,payload-after,payload-before";
        if (written == null || written.isBlank()) {
            error(SourceConfig.KEY_PLACEMENT, "must be specified: write " + expected);
        } else if (!new HashSet<>(List.of(written.trim().split("\\s*,\\s*"))).equals(KEY_PLACEMENTS)) {
            error(SourceConfig.KEY_PLACEMENT, "the stand-in supports " + expected + " only, not " + written);
        }
    }

    private void askCluster() {
        SourceConfig config = new SourceConfig(properties);
        try (ScyllaSession session = new ScyllaSession(config)) {
            Optional<String> unreadable = session.firstUnreadableTable();
            unreadable.ifPresent(problem -> error(SourceConfig.CONTACT_POINTS, problem));
            if (unreadable.isEmpty() && config.includesAfter()) {
                session.tablesWithoutPostimage().forEach(table -> error(SourceConfig.INCLUDE_AFTER,
                        "table " + name(table) + " has no post-images: ALTER TABLE " + name(table)
                                + " WITH cdc = {'enabled': true, 'postimage': true}"));
            }
        } catch (RuntimeException e) {
            error(SourceConfig.CONTACT_POINTS, "Unable to connect to Scylla cluster: " + e.getMessage());
        }
    }

    private static String name(TableName table) {
        return table.keyspace + "." + table.name;
    }

    private boolean isClean() {
        return values.values().stream().allMatch(value -> value.errorMessages().isEmpty());
    }

    private Object value(String name) {
        return values.get(name).value();
    }

    private void error(String name, String message) {
        values.get(name).addErrorMessage(name + ": " + message);
    }
}
