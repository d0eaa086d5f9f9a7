package cdc.standin.scylla;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ScyllaCqlTest {

    @Test
    void takesTheCdcMapOutOfCreateTable() {
        ScyllaCql cql = ScyllaCql.parse("CREATE TABLE shop.users (id uuid PRIMARY KEY) "
                + "WITH cdc = {'enabled': true, 'postimage': 'true', 'ttl': 600} AND comment = 'x'");

        assertFalse(cql.cassandraCql().contains("enabled"));
        assertTrue(cql.cassandraCql().endsWith(" AND comment = 'x'"));
        assertEquals(new CdcOptions(true, "false", true, false, 600), cql.cdc());
    }

    @Test
    void takesTheCdcMapOutOfAlterTableOnSeveralLines() {
        ScyllaCql cql = ScyllaCql.parse("alter table shop.users\n  with CDC={\n'enabled' : 'false' }");

        assertFalse(cql.cdc().enabled());
    }

    @Test
    void leavesOutTabletsOfAKeyspace() {
        ScyllaCql cql = ScyllaCql.parse("CREATE KEYSPACE shop WITH replication = {'class': 'SimpleStrategy', "
                + "'replication_factor': 1} AND tablets = {'enabled': false}");

        assertFalse(cql.cassandraCql().contains("tablets"));
        assertTrue(cql.cassandraCql().contains("'replication_factor': 1"));
        assertNull(cql.cdc());
    }

    @Test
    void leavesOutOptionsOfSelectThatOnlyScyllaKnows() {
        assertEquals("SELECT id FROM shop.users WHERE token(id) > ?",
                ScyllaCql.parse("SELECT id FROM shop.users WHERE token(id) > ? BYPASS CACHE USING TIMEOUT 30s")
                        .cassandraCql());
    }

    @Test
    void doesNotTouchOtherStatements() {
        String insert = "INSERT INTO shop.users (id, note) VALUES (?, 'cdc = {''enabled'': true} BYPASS CACHE')";

        assertEquals(insert, ScyllaCql.parse(insert).cassandraCql());
    }

    @Test
    void refusesAnUnknownCdcOption() {
        Exception e = assertThrows(IllegalArgumentException.class,
                () -> ScyllaCql.parse("ALTER TABLE a.b WITH cdc = {'enabled': true, 'post_image': true}"));

        assertEquals("Invalid CDC option: post_image", e.getMessage());
    }
}
