package io.confluent.connect.avro;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.apache.kafka.common.config.ConfigException;
import org.junit.jupiter.api.Test;

class AvroConverterTest {

    @Test
    void findsApicuriosApiUnderTheBaseUrl() {
        assertEquals("http://schema-registry:8081/apis/registry/v3", AvroConverter
                .translate(Map.of("schema.registry.url", "http://schema-registry:8081/")).get("apicurio.registry.url"));
    }

    @Test
    void keepsNestedRecordsInOneSubject() {
        assertEquals(true, AvroConverter.translate(Map.of("schema.registry.url", "http://r:8081"))
                .get("apicurio.registry.dereference-schema"));
    }

    @Test
    void registersUnknownSchemasUnlessToldOtherwise() {
        assertEquals(true, AvroConverter.translate(Map.of("schema.registry.url", "http://r:8081"))
                .get("apicurio.registry.auto-register"));
        assertEquals(false, AvroConverter
                .translate(Map.of("schema.registry.url", "http://r:8081", "auto.register.schemas", "false"))
                .get("apicurio.registry.auto-register"));
    }

    @Test
    void namesAnUnknownPropertyWithoutItsValue() {
        ConfigException e = assertThrows(ConfigException.class, () -> AvroConverter.translate(
                Map.of("schema.registry.url", "http://r:8081", "basic.auth.user.info", "user:secret")));

        assertTrue(e.getMessage().contains("basic.auth.user.info"), e.getMessage());
        assertFalse(e.getMessage().contains("secret"), e.getMessage());
    }

    @Test
    void wantsAUrl() {
        ConfigException e = assertThrows(ConfigException.class, () -> AvroConverter.translate(Map.of()));

        assertTrue(e.getMessage().contains("schema.registry.url"), e.getMessage());
    }

    @Test
    void takesTheTypeThatKafkaConnectAdds() {
        AvroConverter.translate(Map.of("schema.registry.url", "http://r:8081", "converter.type", "key"));
    }
}
