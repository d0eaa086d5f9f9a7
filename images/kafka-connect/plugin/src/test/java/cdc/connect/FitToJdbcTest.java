package cdc.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.util.Date;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class FitToJdbcTest {

    private final FitToJdbc<SinkRecord> transform = new FitToJdbc<>();

    @BeforeEach
    void configure() {
        transform.configure(Map.of("tables", "shop.users=public.users, shop.orders=sales.orders"));
    }

    @Test
    void aTombstoneIsDropped() {
        assertNull(transform.apply(Envelopes.record(1, Envelopes.key("a"), null)));
    }

    @Test
    void aDeleteWithoutImagesGetsItsKeyAsBeforeImage() {
        Struct value = fit(Envelopes.delete(1, "a"));
        assertEquals("a", value.getStruct("before").get("id"));
        assertNull(value.getStruct("before").get("age"));
        assertNull(value.get("after"));
        assertEquals("d", value.get("op"));
    }

    @Test
    void aDeleteWithABeforeImageKeepsIt() {
        SinkRecord delete = Envelopes.delete(1, "a");
        ((Struct) delete.value()).put("before", new Struct(Envelopes.BEFORE).put("id", "a").put("age", 41));
        assertEquals(41, fit(delete).getStruct("before").get("age"));
    }

    @Test
    void anUpsertWithoutBeforeImageGetsNone() {
        assertNull(fit(Envelopes.upsert(1, "a", 7)).get("before"));
    }

    @Test
    void aDeleteWithoutKeyIsRefused() {
        Struct value = (Struct) Envelopes.delete(1, "a").value();
        assertMessage("no structured key", assertThrows(DataException.class, () -> transform.apply(Envelopes.record(1, null, value))));
    }

    @Test
    void theSourceBlockNamesTheTargetTable() {
        Struct source = fit(Envelopes.upsert(1, "a", 7)).getStruct("source");
        assertEquals("public", source.get("keyspace_name"));
        assertEquals("users", source.get("table_name"));
        assertEquals(1L, source.get("ts_ms"));
    }

    @Test
    void aRecordOfAnUnknownTableIsRefusedByTopicAndProperty() {
        SinkRecord record = Envelopes.upsert(1, "a", 7);
        ((Struct) record.value()).put("source", Envelopes.source("shop", "carts"));
        DataException refusal = assertThrows(DataException.class, () -> transform.apply(record));
        assertMessage("cdc.shop.users", refusal);
        assertMessage("'shop.carts'", refusal);
        assertMessage("'tables'", refusal);
        assertMessage("[shop.orders, shop.users]", refusal);
    }

    @Test
    void aRecordThatIsNoEnvelopeIsRefusedByTopic() {
        assertMessage("cdc.shop.users", assertThrows(DataException.class,
                () -> transform.apply(Envelopes.record(1, Envelopes.key("a"), Envelopes.key("a")))));
    }

    @Test
    void aMapBecomesAJsonObjectInAStringColumn() {
        Struct after = fit(Envelopes.upsert(1, "a", 7)).getStruct("after");
        assertEquals(Schema.OPTIONAL_STRING_SCHEMA, after.schema().field("attributes").schema());
        assertEquals("{\"colour\":\"red\"}", after.get("attributes"));
    }

    @Test
    void plainColumnsAndPlainArraysStayAsTheyAre() {
        SinkRecord record = Envelopes.upsert(1, "a", 7, "x", "y");
        Date createdAt = new Date(0);
        ((Struct) record.value()).getStruct("after").put("created_at", createdAt);
        Struct after = fit(record).getStruct("after");
        assertEquals(7, after.get("age"));
        assertEquals(List.of("x", "y"), after.get("tags"));
        assertSame(createdAt, after.get("created_at"));
        assertSame(Envelopes.AFTER.field("tags").schema(), after.schema().field("tags").schema());
        assertSame(Envelopes.AFTER.field("created_at").schema(), after.schema().field("created_at").schema());
    }

    @Test
    void aNullMapStaysNull() {
        SinkRecord record = Envelopes.upsert(1, "a", 7);
        ((Struct) record.value()).getStruct("after").put("attributes", null);
        assertNull(fit(record).getStruct("after").get("attributes"));
    }

    @Test
    void rowsWithoutNestedColumnsKeepTheirSchemaAndStruct() {
        Schema row = SchemaBuilder.struct().name("cdc.shop.users.After").field("id", Schema.OPTIONAL_STRING_SCHEMA).optional().build();
        Struct after = new Struct(row).put("id", "a");
        Struct value = new Struct(Envelopes.envelope(row, row)).put("source", Envelopes.source("shop", "users"))
                .put("after", after).put("op", "c");
        assertSame(after, fit(Envelopes.record(1, Envelopes.key("a"), value)).get("after"));
    }

    @Test
    void schemaNamesAndVersionsSurvive() {
        Schema fitted = fit(Envelopes.upsert(1, "a", 7)).schema();
        assertEquals("cdc.shop.users.Envelope", fitted.name());
        assertEquals(7, fitted.version());
        assertEquals("cdc.shop.users.After", fitted.field("after").schema().name());
        assertEquals(3, fitted.field("after").schema().version());
        assertTrue(fitted.field("after").schema().isOptional());
    }

    @Test
    void theGivenRecordIsNotChanged() {
        SinkRecord record = Envelopes.delete(1, "a");
        String before = record.value().toString();
        SinkRecord fitted = transform.apply(record);
        assertEquals(before, record.value().toString());
        assertNotSame(record.value(), fitted.value());
        assertEquals(record.key(), fitted.key());
        assertEquals(record.kafkaOffset(), fitted.kafkaOffset());
        assertEquals(record.topic(), fitted.topic());
    }

    @Test
    void recordsOfOneSchemaShareOneFittedSchema() {
        assertSame(fit(Envelopes.upsert(1, "a", 7)).schema(), fit(Envelopes.delete(2, "b")).schema());
    }

    @Test
    void theSchemaCacheIsBounded() {
        for (int i = 0; i < 1_000; i++) {
            Struct value = new Struct(Envelopes.envelope(Envelopes.row("Before"), Envelopes.row("After")))
                    .put("source", Envelopes.source("shop", "users")).put("op", "c");
            fit(Envelopes.record(i, Envelopes.key("a"), value));
        }
        assertTrue(transform.cachedSchemas() <= FitToJdbc.MOST_CACHED_SCHEMAS);
    }

    @Test
    void nestedValuesBecomeReadableJson() {
        Schema address = SchemaBuilder.struct().name("cdc.shop.users.home.UDT").field("street", Schema.OPTIONAL_STRING_SCHEMA)
                .field("zip", Schema.OPTIONAL_INT32_SCHEMA).optional().build();
        Struct home = new Struct(address).put("street", "Hauptstraße \"1\"").put("zip", null);
        assertEquals("{\"street\":\"Hauptstraße \\\"1\\\"\",\"zip\":null}", json(address, home));
        assertEquals("[{\"street\":null,\"zip\":8}]", json(SchemaBuilder.array(address).build(), List.of(new Struct(address).put("zip", 8))));
        assertEquals("{\"7\":0.5}", json(SchemaBuilder.map(Schema.INT32_SCHEMA, Schema.FLOAT64_SCHEMA).build(), Map.of(7, 0.5)));
        assertEquals("[\"0x00ff\"]", json(SchemaBuilder.array(Schema.BYTES_SCHEMA).build(), List.of(ByteBuffer.wrap(new byte[] {0, -1}))));
        assertEquals("[\"1970-01-01T00:00:01Z\"]", json(SchemaBuilder.array(Timestamp.SCHEMA).build(), List.of(new Date(1_000))));
        assertEquals("[\"1970-01-02\"]", json(SchemaBuilder.array(org.apache.kafka.connect.data.Date.SCHEMA).build(), List.of(new Date(86_400_000))));
        assertEquals("[10000000000000000000000]", json(SchemaBuilder.array(Decimal.schema(0)).build(), List.of(new BigDecimal("1E22").setScale(0))));
        assertEquals("[[1,2],[]]", json(SchemaBuilder.array(SchemaBuilder.array(Schema.INT32_SCHEMA).build()).build(), List.of(List.of(1, 2), List.of())));
    }

    @Test
    void aUserDefinedTypeWithFieldsKeyAndValueIsNoMap() {
        Schema pair = SchemaBuilder.struct().name("cdc.shop.users.pairs.UDT").field("key", Schema.STRING_SCHEMA)
                .field("value", Schema.STRING_SCHEMA).build();
        Struct same = new Struct(pair).put("key", "k").put("value", "v");
        assertEquals("[{\"key\":\"k\",\"value\":\"v\"},{\"key\":\"k\",\"value\":\"v\"}]",
                json(SchemaBuilder.array(pair).build(), List.of(same, same)));
    }

    @Test
    void aMappingThatCannotBeReadIsRefusedByProperty() {
        for (String wrong : List.of("", "shop.users", "shop.users=users", "a.b.c=public.users", "shop.users=public.users=x", "shop.=public.users")) {
            ConfigException refusal = assertThrows(ConfigException.class, () -> transform.configure(Map.of("tables", wrong)), wrong);
            assertMessage("tables", refusal);
        }
        assertThrows(ConfigException.class, () -> transform.configure(Map.of()));
    }

    private Struct fit(SinkRecord record) {
        return (Struct) transform.apply(record).value();
    }

    private String json(Schema column, Object content) {
        Schema row = SchemaBuilder.struct().name("cdc.shop.users.After").field("nested", column).optional().build();
        Struct value = new Struct(Envelopes.envelope(row, row)).put("source", Envelopes.source("shop", "users"))
                .put("after", new Struct(row).put("nested", content)).put("op", "c");
        return (String) fit(Envelopes.record(1, Envelopes.key("a"), value)).getStruct("after").get("nested");
    }

    private static void assertMessage(String part, Exception exception) {
        assertTrue(exception.getMessage().contains(part), exception.getMessage());
    }
}
