package cdc.standin.scylla;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The table option {@code cdc = {...}}.
 *
 * @param enabled    whether changes are logged
 * @param preimage   "false", "true" (changed columns only) or "full"
 * @param postimage  whether the row after the change is logged
 * @param keysOnly   {@code delta = 'keys'}: only the primary key of a change is logged
 * @param ttlSeconds how long log rows live; 0 is for ever
 */
record CdcOptions(boolean enabled, String preimage, boolean postimage, boolean keysOnly, int ttlSeconds) {
    /** Key in {@code system_schema.tables.extensions}. */
    static final String EXTENSION = "cdc";
    private static final String DEFAULT_TTL_SECONDS = "86400";
    private static final Map<String, Set<String>> ALLOWED = Map.of(
            "enabled", Set.of("true", "false"),
            "preimage", Set.of("true", "false", "full"),
            "postimage", Set.of("true", "false"),
            "delta", Set.of("full", "keys"));
    private static final Map<ByteBuffer, CdcOptions> BY_BLOB = new ConcurrentHashMap<>();

    /** The options that a statement asks for; what it leaves out is the default, as in ScyllaDB. */
    static CdcOptions parse(Map<String, String> written) {
        Map<String, String> options = new HashMap<>();
        written.forEach((key, value) -> {
            String lowerKey = key.toLowerCase(Locale.ROOT);
            String lowerValue = value.toLowerCase(Locale.ROOT);
            check(lowerKey, lowerValue);
            options.put(lowerKey, lowerValue);
        });
        return new CdcOptions(
                options.getOrDefault("enabled", "false").equals("true"),
                options.getOrDefault("preimage", "false"),
                options.getOrDefault("postimage", "false").equals("true"),
                options.getOrDefault("delta", "full").equals("keys"),
                Integer.parseInt(options.getOrDefault("ttl", DEFAULT_TTL_SECONDS)));
    }

    private static void check(String key, String value) {
        boolean isTtl = key.equals("ttl");
        if (!isTtl && !ALLOWED.containsKey(key)) {
            throw new IllegalArgumentException("Invalid CDC option: " + key);
        }
        if (isTtl ? !value.matches("\\d{1,9}") : !ALLOWED.get(key).contains(value)) {
            throw new IllegalArgumentException("Invalid value for CDC option \"" + key + "\": " + value);
        }
    }

    boolean anyImage() {
        return postimage || logsPreimage();
    }

    boolean logsPreimage() {
        return !preimage.equals("false");
    }

    private Map<String, String> toMap() {
        Map<String, String> options = new LinkedHashMap<>();
        options.put("delta", keysOnly ? "keys" : "full");
        options.put("enabled", String.valueOf(enabled));
        options.put("postimage", String.valueOf(postimage));
        options.put("preimage", preimage);
        options.put("ttl", String.valueOf(ttlSeconds));
        return options;
    }

    /** ScyllaDB's form of the extension: little-endian count, then length and UTF-8 of each key and value. */
    ByteBuffer toBlob() {
        ByteBuffer blob = ByteBuffer.allocate(512).order(ByteOrder.LITTLE_ENDIAN);
        Map<String, String> options = toMap();
        blob.putInt(options.size());
        options.forEach((key, value) -> {
            putText(blob, key);
            putText(blob, value);
        });
        return ByteBuffer.wrap(Arrays.copyOf(blob.array(), blob.position()));
    }

    /** Reads what {@link #toBlob} wrote; null gives null. */
    static CdcOptions fromBlob(ByteBuffer blob) {
        return blob == null ? null : BY_BLOB.computeIfAbsent(blob.duplicate(), CdcOptions::readBlob);
    }

    private static CdcOptions readBlob(ByteBuffer blob) {
        ByteBuffer in = blob.slice().order(ByteOrder.LITTLE_ENDIAN);
        Map<String, String> options = new HashMap<>();
        for (int remaining = in.getInt(); remaining > 0; remaining--) {
            String key = getText(in);
            options.put(key, getText(in));
        }
        return parse(options);
    }

    private static void putText(ByteBuffer out, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.putInt(bytes.length).put(bytes);
    }

    private static String getText(ByteBuffer in) {
        byte[] bytes = new byte[in.getInt()];
        in.get(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
