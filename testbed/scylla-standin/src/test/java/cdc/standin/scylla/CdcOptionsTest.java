package cdc.standin.scylla;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteOrder;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CdcOptionsTest {

    @Test
    void readsBackWhatItWroteIntoTheSchema() {
        CdcOptions options = new CdcOptions(true, "full", true, true, 604800);

        assertEquals(options, CdcOptions.fromBlob(options.toBlob()));
    }

    @Test
    void writesTheNumberOfEntriesLittleEndian() {
        CdcOptions options = CdcOptions.parse(Map.of("enabled", "true"));

        assertEquals(5, options.toBlob().order(ByteOrder.LITTLE_ENDIAN).getInt());
    }

    @Test
    void hasScyllaDefaultsForWhatIsNotWritten() {
        assertEquals(new CdcOptions(true, "false", false, false, 86400), CdcOptions.parse(Map.of("enabled", "TRUE")));
    }

    @Test
    void isAbsentWithoutExtension() {
        assertNull(CdcOptions.fromBlob(null));
    }

    @Test
    void refusesInvalidValues() {
        assertThrows(IllegalArgumentException.class, () -> CdcOptions.parse(Map.of("enabled", "yes")));
        assertThrows(IllegalArgumentException.class, () -> CdcOptions.parse(Map.of("ttl", "-1")));
    }
}
