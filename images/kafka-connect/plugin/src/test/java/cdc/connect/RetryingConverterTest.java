package cdc.connect;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.EOFException;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.net.http.HttpTimeoutException;
import java.nio.charset.MalformedInputException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.storage.Converter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

class RetryingConverterTest {

    /** What Connect loads by name; it fails as the test says. */
    public static class Delegate implements Converter {
        static RuntimeException failure;
        static Map<String, ?> properties;
        static boolean isKey;
        static ClassLoader loaderInConfigure;

        @Override
        public void configure(Map<String, ?> given, boolean key) {
            properties = given;
            isKey = key;
            loaderInConfigure = Thread.currentThread().getContextClassLoader();
        }

        @Override
        public byte[] fromConnectData(String topic, Schema schema, Object value) {
            if (failure != null) {
                throw failure;
            }
            return new byte[] {1};
        }

        @Override
        public SchemaAndValue toConnectData(String topic, byte[] value) {
            if (failure != null) {
                throw failure;
            }
            return new SchemaAndValue(null, topic);
        }
    }

    /** Has the name and the getter of Confluent's client exception. */
    @SuppressWarnings("serial")
    public static class RestClientException extends ClientException {
        private final int status;

        RestClientException(int status) {
            this.status = status;
        }

        public int getStatus() {
            return status;
        }
    }

    /** Has the name and the getters of Apicurio's client exception; the status may be in either. */
    @SuppressWarnings("serial")
    public static class ProblemDetails extends ClientException {
        private final Integer status;
        private final int responseStatusCode;

        ProblemDetails(Integer status, int responseStatusCode) {
            this.status = status;
            this.responseStatusCode = responseStatusCode;
        }

        public Integer getStatus() {
            return status;
        }

        public int getResponseStatusCode() {
            return responseStatusCode;
        }
    }

    @SuppressWarnings("serial")
    private static class ClientException extends RuntimeException {
    }

    private final Headers headers = new RecordHeaders();
    private final RetryingConverter converter = configured(Map.of("schema.registry.url", "http://registry"));

    @Test
    void propertiesGoToTheDelegateWithoutOurOwn() {
        assertEquals(Map.of("schema.registry.url", "http://registry"), Delegate.properties);
        assertTrue(Delegate.isKey);
    }

    @Test
    void theDelegateConfiguresWithItsOwnClassLoaderOnly() {
        ClassLoader mine = new ClassLoader(getClass().getClassLoader()) { };
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        Thread.currentThread().setContextClassLoader(mine);
        try {
            configured(Map.of());
            assertSame(Delegate.class.getClassLoader(), Delegate.loaderInConfigure);
            assertSame(mine, Thread.currentThread().getContextClassLoader());
        }
        finally {
            Thread.currentThread().setContextClassLoader(before);
        }
    }

    @Test
    void goodRecordsPassUnchanged() {
        Delegate.failure = null;
        assertArrayEquals(new byte[] {1}, converter.fromConnectData("t", null, "x"));
        assertArrayEquals(new byte[] {1}, converter.fromConnectData("t", headers, null, "x"));
        assertEquals("t", converter.toConnectData("t", new byte[0]).value());
        assertEquals("t", converter.toConnectData("t", headers, new byte[0]).value());
    }

    @Test
    void anUnreachableRegistryIsRetriableInBothDirections() {
        List<Throwable> outages = List.of(
                new java.net.ConnectException("Connection refused"), new SocketTimeoutException(), new HttpTimeoutException("x"),
                new java.net.UnknownHostException("registry"), new EOFException("EOF reached while reading"), new IOException("HTTP/1.1 header parser"),
                new TimeoutException(), new org.apache.kafka.common.errors.TimeoutException(),
                new RestClientException(500), new RestClientException(503), new RestClientException(429),
                new ProblemDetails(502, 0), new ProblemDetails(null, 503));
        for (Throwable outage : outages) {
            Delegate.failure = new RuntimeException(new SerializationException("Error deserializing Avro message", outage));
            for (Executable conversion : conversions()) {
                RetriableException thrown = assertThrows(RetriableException.class, conversion, outage.toString());
                assertSame(Delegate.failure, thrown.getCause());
                assertTrue(thrown.getMessage().contains("'t'"), thrown.getMessage());
            }
        }
    }

    @Test
    void aBrokenRecordPassesUnchangedInBothDirections() {
        List<Throwable> broken = List.of(
                new RestClientException(404), new RestClientException(409), new RestClientException(422),
                new ProblemDetails(404, 404), new ProblemDetails(null, 0), new IllegalArgumentException("500"),
                new MalformedInputException(1), thrownByAvro(new EOFException()));
        for (Throwable cause : broken) {
            Delegate.failure = new SerializationException("x", cause);
            for (Executable conversion : conversions()) {
                assertSame(Delegate.failure, assertThrows(SerializationException.class, conversion, cause.toString()));
            }
        }
    }

    @Test
    void aRetriableExceptionOfTheDelegatePassesUnchanged() {
        Delegate.failure = new RetriableException("x", new IOException());
        assertSame(Delegate.failure, assertThrows(RetriableException.class, conversions().get(0)));
    }

    @Test
    void aDataExceptionWithoutCausePassesUnchanged() {
        Delegate.failure = new DataException("x");
        assertInstanceOf(DataException.class, assertThrows(DataException.class, conversions().get(2)));
    }

    @Test
    void aMissingDelegateIsNamedWithTheCure() {
        for (String name : List.of("no.such.Converter", "java.lang.String", "cdc.connect.RegistryFaults")) {
            ConfigException refusal = assertThrows(ConfigException.class,
                    () -> new RetryingConverter().configure(Map.of("delegate", name), false), name);
            assertTrue(refusal.getMessage().contains(name) && refusal.getMessage().contains("plugin.path"), refusal.getMessage());
        }
    }

    @Test
    void theDefaultDelegateIsTheAvroConverter() {
        assertEquals("io.confluent.connect.avro.AvroConverter", new RetryingConverter().config().defaultValues().get("delegate"));
        assertFalse(Delegate.class.getName().equals(new RetryingConverter().config().defaultValues().get("delegate")));
        assertNull(Delegate.properties.get("delegate"));
    }

    private List<Executable> conversions() {
        return List.of(() -> converter.fromConnectData("t", null, "x"), () -> converter.fromConnectData("t", headers, null, "x"),
                () -> converter.toConnectData("t", new byte[0]), () -> converter.toConnectData("t", headers, new byte[0]));
    }

    private static Throwable thrownByAvro(Throwable failure) {
        failure.setStackTrace(new StackTraceElement[] {
            new StackTraceElement("org.apache.avro.io.BinaryDecoder", "readInt", "BinaryDecoder.java", 1)});
        return failure;
    }

    private static RetryingConverter configured(Map<String, String> rest) {
        Map<String, Object> properties = new HashMap<>(rest);
        properties.put("delegate", Delegate.class.getName());
        RetryingConverter converter = new RetryingConverter();
        converter.configure(properties, true);
        return converter;
    }
}
