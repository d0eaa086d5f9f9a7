package cdc.standin.source;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigValue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ConfigCheckTest {

    private static Map<String, List<String>> errors(Map<String, String> properties) {
        Map<String, List<String>> errors = new HashMap<>();
        for (ConfigValue value : ConfigCheck.check(properties).configValues()) {
            if (!value.errorMessages().isEmpty()) {
                errors.put(value.name(), value.errorMessages());
            }
        }
        return errors;
    }

    private static Map<String, List<String>> errorsWith(String name, String value) {
        Map<String, String> properties = Fixtures.properties();
        properties.put(name, value);
        return errors(properties);
    }

    @Test
    void asksTheClusterOnlyWhenTheRestIsRight() {
        Map<String, List<String>> errors = errors(Fixtures.properties());

        assertEquals(1, errors.size());
        String message = errors.get(SourceConfig.CONTACT_POINTS).get(0);
        assertTrue(message.contains("Unable to connect to Scylla cluster"), message);
    }

    @ParameterizedTest
    @ValueSource(strings = {"scylla.name", "topic.prefx", "errors", "scylla.query.time.window"})
    void namesAPropertyThatNobodyHas(String name) {
        Map<String, List<String>> errors = errorsWith(name, "secret-value");

        assertTrue(errors.get(name).get(0).contains(name));
        assertFalse(errors.toString().contains("secret-value"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"key.converter.schema.registry.url", "transforms.a.type", "exactly.once.support",
        "errors.retry.timeout", "producer.override.linger.ms", "topic.creation.default.partitions",
        "transaction.boundary", "snapshot.mode", "signal.data.collection", "skipped.operations"})
    void takesPropertiesOfKafkaConnectAndDebezium(String name) {
        assertFalse(errorsWith(name, "1").containsKey(name));
    }

    @ParameterizedTest
    @CsvSource({
        "cdc.output.format, legacy", "cdc.include.before, full", "cdc.include.after, only-updated",
        "experimental.preimages.enabled, true",
        "cdc.include.primary-key.placement, kafka-key", "scylla.table.names, users",
        "scylla.cluster.ip.addresses, localhost", "heartbeat.interval.ms, 0", "scylla.consistency.level, EACH_QUORUM"})
    void refusesWhatItDoesNotSupport(String name, String value) {
        assertTrue(errorsWith(name, value).containsKey(name));
    }

    @Test
    void saysThatItSupportsAdvancedOnlyBecauseLegacyIsTheDefault() {
        Map<String, String> properties = Fixtures.properties();
        properties.remove(SourceConfig.OUTPUT_FORMAT);

        assertEquals(List.of("cdc.output.format: the stand-in supports advanced only"),
                errors(properties).get(SourceConfig.OUTPUT_FORMAT));
    }

    @Test
    void wantsTheKeyPlacementWrittenOut() {
        Map<String, String> properties = Fixtures.properties();
        properties.remove(SourceConfig.KEY_PLACEMENT);

        assertTrue(errors(properties).get(SourceConfig.KEY_PLACEMENT).get(0).contains("must be specified"));
    }

    @Test
    void takesTls() {
        assertFalse(errorsWith("scylla.ssl.enabled", "true").containsKey("scylla.ssl.enabled"));
        assertTrue(errorsWith("scylla.ssl.enabled", "perhaps").containsKey("scylla.ssl.enabled"));
    }

    @Test
    void wantsUserAndPasswordTogether() {
        assertTrue(errorsWith(SourceConfig.PASSWORD, "secret-value").containsKey(SourceConfig.USER));
    }
}
