package io.confluent.connect.avro;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class KnownSchemasTest {
    private final List<String> registered = Collections.synchronizedList(new ArrayList<>());
    private final AvroConverter converter = new AvroConverter();
    private HttpServer registry;

    @BeforeEach
    void start() throws IOException {
        registry = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        registry.createContext("/", this::register);
        registry.start();
        String url = "http://127.0.0.1:" + registry.getAddress().getPort();
        converter.configure(Map.of("schema.registry.url", url), false);
    }

    @AfterEach
    void stop() {
        registry.stop(0);
    }

    /** Takes any schema, under the id that says how many there are. */
    private void register(HttpExchange exchange) throws IOException {
        registered.add(new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8));
        int id = registered.size();
        byte[] answer = ("{\"artifact\": {}, \"version\": {\"version\": \"1\", \"groupId\": \"default\", \"artifactId\": \"a\","
                + " \"globalId\": " + id + ", \"contentId\": " + id + "}}").getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(200, answer.length);
        exchange.getResponseBody().write(answer);
        exchange.close();
    }

    private static Schema rows(String... columns) {
        SchemaBuilder schema = SchemaBuilder.struct().name("Row");
        Arrays.stream(columns).forEach(column -> schema.field(column, Schema.OPTIONAL_STRING_SCHEMA));
        return schema.build();
    }

    private byte[] written(Schema schema) {
        return converter.fromConnectData("topic", schema, new Struct(schema).put("name", "x"));
    }

    private static int id(byte[] message) {
        return ByteBuffer.wrap(message, 1, 4).getInt();
    }

    @Test
    void asksTheRegistryOnceForEachSchema() {
        byte[] first = written(rows("name"));
        byte[] changed = written(rows("name", "added"));

        assertArrayEquals(first, written(rows("name")));
        assertArrayEquals(changed, written(rows("name", "added")));
        assertEquals(List.of(1, 2), List.of(id(first), id(changed)));
        assertEquals(2, registered.size());
    }

    @Test
    void writesKnownSchemasWithoutTheRegistry() {
        byte[] before = written(rows("name"));
        registry.stop(0);

        assertArrayEquals(before, written(rows("name")));
    }
}
