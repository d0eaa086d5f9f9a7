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
        int streams) {

    static final int DEFAULT_STREAMS = 4;

    static ServerOptions parse(List<String> arguments) {
        Map<String, String> values = valuesByName(arguments);
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
                streams);
    }

    boolean hasRoles() {
        return !authenticator.endsWith("AllowAllAuthenticator");
    }

    /** {@code --name value}, {@code --name=value} and bare {@code --flag}; the last one of a name wins. */
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
                values.put(name.substring(0, equals), name.substring(equals + 1));
            } else {
                values.put(name, nextIsValue ? arguments.get(++i) : "");
            }
        }
        return values;
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
