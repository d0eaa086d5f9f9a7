package cdc.standin.scylla;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * ScyllaDB's command line as far as the stand-in understands it. Every other option of ScyllaDB ({@code --smp},
 * {@code --memory}, {@code --developer-mode}, ...) is accepted and ignored.
 *
 * @param workdir           directory that holds all data ({@code --workdir})
 * @param cqlPort           {@code --native-transport-port}
 * @param storagePort       {@code --storage-port}; only this one node uses it
 * @param rpcAddress        address on which CQL is served ({@code --rpc-address})
 * @param broadcastAddress  address that drivers are told ({@code --broadcast-rpc-address})
 * @param authenticator     {@code --authenticator}, by its short name
 * @param authorizer        {@code --authorizer}, by its short name
 * @param tlsFile           key and certificate in PEM, which Cassandra takes in one file only, or null; from
 *                          {@code --client-encryption-options enabled=true}, {@code ... certificate=FILE} and so on
 * @param tlsAuthorities    {@code --client-encryption-options truststore=FILE}, or null
 * @param streams           number of CDC streams, one for each vnode ({@code --standin-streams}, ours)
 */
record ServerOptions(
        Path workdir,
        int cqlPort,
        int storagePort,
        String rpcAddress,
        String broadcastAddress,
        String authenticator,
        String authorizer,
        String tlsFile,
        String tlsAuthorities,
        int streams) {

    static final int DEFAULT_STREAMS = 4;
    private static final String CLIENT_ENCRYPTION = "client-encryption-options";

    static ServerOptions parse(List<String> arguments) {
        Map<String, String> values = valuesByName(arguments);
        Map<String, String> encryption = encryption(values.getOrDefault(CLIENT_ENCRYPTION, ""));
        int streams = number(values, "standin-streams", DEFAULT_STREAMS);
        if (streams < 1 || streams > 1 << 20) {
            throw new IllegalArgumentException("--standin-streams must be between 1 and 1048576, not " + streams);
        }
        return new ServerOptions(
                Path.of(values.getOrDefault("workdir", "/var/lib/scylla")).toAbsolutePath(),
                number(values, "native-transport-port", 9042),
                number(values, "storage-port", 7000),
                values.getOrDefault("rpc-address", "0.0.0.0"),
                values.getOrDefault("broadcast-rpc-address", ownAddress()),
                values.getOrDefault("authenticator", "AllowAllAuthenticator"),
                values.getOrDefault("authorizer", "AllowAllAuthorizer"),
                encryption.get("certificate"),
                encryption.get("truststore"),
                streams);
    }

    boolean hasRoles() {
        return !authenticator.endsWith("AllowAllAuthenticator");
    }

    /** What is left of the options: nothing where they are not enabled. */
    private static Map<String, String> encryption(String options) {
        Map<String, String> encryption = new HashMap<>();
        for (String option : options.isEmpty() ? new String[0] : options.split(",")) {
            int equals = option.indexOf('=');
            if (equals < 0) {
                throw new IllegalArgumentException(
                        "--" + CLIENT_ENCRYPTION + " must be name=value, not '" + option + "'");
            }
            encryption.put(option.substring(0, equals), option.substring(equals + 1));
        }
        if (!Boolean.parseBoolean(encryption.get("enabled"))) {
            return Map.of();
        }
        String certificate = encryption.get("certificate");
        if (certificate == null || !certificate.equals(encryption.get("keyfile"))) {
            throw new IllegalArgumentException(
                    "--" + CLIENT_ENCRYPTION + ": the stand-in wants certificate and keyfile in one and the same file");
        }
        return encryption;
    }

    /**
     * {@code --name value}, {@code --name=value} and bare {@code --flag}; the last one of a name wins, but
     * {@code --client-encryption-options} add up.
     */
    private static Map<String, String> valuesByName(List<String> arguments) {
        Map<String, String> values = new HashMap<>();
        for (int i = 0; i < arguments.size(); i++) {
            String argument = arguments.get(i);
            if (!argument.startsWith("-")) {
                throw new IllegalArgumentException("unexpected argument: " + argument);
            }
            String name = argument.replaceFirst("^--?", "");
            int equals = name.indexOf('=');
            boolean nextIsValue = i + 1 < arguments.size() && !arguments.get(i + 1).startsWith("--");
            if (equals >= 0) {
                put(values, name.substring(0, equals), name.substring(equals + 1));
            } else {
                put(values, name, nextIsValue ? arguments.get(++i) : "");
            }
        }
        return values;
    }

    private static void put(Map<String, String> values, String name, String value) {
        if (name.equals(CLIENT_ENCRYPTION)) {
            values.merge(name, value, (before, next) -> before + "," + next);
        } else {
            values.put(name, value);
        }
    }

    private static int number(Map<String, String> values, String name, int fallback) {
        String value = values.get(name);
        try {
            return value == null ? fallback : Integer.parseInt(value);
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException("--" + name + " must be a whole number, not '" + value + "'", e);
        }
    }

    private static String ownAddress() {
        try {
            return InetAddress.getLocalHost().getHostAddress();
        } catch (UnknownHostException e) {
            return "127.0.0.1";
        }
    }
}
