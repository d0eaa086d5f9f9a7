package cdc.standin.scylla;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class StreamGenerationTest {

    @Test
    void streamIdCarriesTokenVnodeAndVersion() {
        ByteBuffer id = StreamGeneration.streamId(-42, 1234, -1);

        assertEquals(16, id.remaining());
        assertEquals(-42, id.getLong(0));
        assertEquals(1234, (id.getLong(8) & 0x3FFFFF0) >> 4);
        assertEquals(1, id.getLong(8) & 0xF);
    }
}
