package cdc.standin.scylla;

import java.util.HashMap;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A statement in ScyllaDB's dialect, taken apart for Cassandra's parser.
 *
 * @param cassandraCql the statement without what only ScyllaDB knows
 * @param cdc          what {@code cdc = {...}} said, or null if the statement did not say it
 */
record ScyllaCql(String cassandraCql, CdcOptions cdc) {
    private static final int FLAGS = Pattern.CASE_INSENSITIVE | Pattern.DOTALL;
    private static final Pattern SCHEMA_CHANGE =
            Pattern.compile("^\\s*(CREATE|ALTER|DROP)\\s+(TABLE|COLUMNFAMILY|KEYSPACE|SCHEMA)\\b", FLAGS);
    private static final Pattern SELECT = Pattern.compile("^\\s*SELECT\\b", FLAGS);
    private static final Pattern SELECT_OPTION =
            Pattern.compile("\\s+(BYPASS\\s+CACHE|USING\\s+TIMEOUT\\s+\\d+[a-z]+)(?=\\s|;|$)", FLAGS);
    private static final Pattern MAP_OPTION = Pattern.compile("\\b(cdc|tablets)\\s*=\\s*(\\{[^}]*\\})", FLAGS);
    private static final Pattern MAP_ENTRY = Pattern.compile("'([^']*)'\\s*:\\s*(?:'([^']*)'|([A-Za-z0-9_.]+))");

    /**
     * Takes a statement apart.
     *
     * @throws IllegalArgumentException if a CDC option is unknown or has an invalid value
     */
    static ScyllaCql parse(String query) {
        if (SELECT.matcher(query).find()) {
            return new ScyllaCql(SELECT_OPTION.matcher(query).replaceAll(""), null);
        }
        if (!changesSchema(query)) {
            return new ScyllaCql(query, null);
        }
        CdcOptions cdc = null;
        Matcher option = MAP_OPTION.matcher(query);
        StringBuilder rewritten = new StringBuilder();
        while (option.find()) {
            boolean isCdc = option.group(1).equalsIgnoreCase("cdc");
            if (isCdc) {
                cdc = CdcOptions.parse(entries(option.group(2)));
            }
            // Cassandra's grammar takes both replacements, and they change nothing.
            option.appendReplacement(rewritten, isCdc ? "extensions = {'cdc': ''}" : "durable_writes = true");
        }
        return new ScyllaCql(option.appendTail(rewritten).toString(), cdc);
    }

    static boolean changesSchema(String query) {
        return SCHEMA_CHANGE.matcher(query).find();
    }

    private static Map<String, String> entries(String map) {
        Map<String, String> entries = new HashMap<>();
        for (Matcher entry = MAP_ENTRY.matcher(map); entry.find(); ) {
            entries.put(entry.group(1), entry.group(2) != null ? entry.group(2) : entry.group(3));
        }
        return entries;
    }
}
