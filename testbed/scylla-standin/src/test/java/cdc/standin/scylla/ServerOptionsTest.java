package cdc.standin.scylla;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class ServerOptionsTest {

    @Test
    void takesScyllasCommandLine() {
        ServerOptions options = ServerOptions.parse(List.of("--smp", "1", "--memory", "750M", "--developer-mode", "1",
                "--overprovisioned", "--authenticator", "PasswordAuthenticator",
                "--authorizer=CassandraAuthorizer", "--native-transport-port=19042"));

        assertEquals("PasswordAuthenticator", options.authenticator());
        assertEquals("CassandraAuthorizer", options.authorizer());
        assertEquals(19042, options.cqlPort());
        assertTrue(options.hasRoles());
    }

    @Test
    void servesAllInterfacesFromScyllasDirectoryByDefault() {
        ServerOptions options = ServerOptions.parse(List.of());

        assertEquals(Path.of("/var/lib/scylla"), options.workdir());
        assertEquals("0.0.0.0", options.rpcAddress());
        assertEquals(9042, options.cqlPort());
        assertFalse(options.hasRoles());
    }

    @Test
    void namesTheOptionThatIsNotANumber() {
        Exception e = assertThrows(IllegalArgumentException.class,
                () -> ServerOptions.parse(List.of("--standin-streams", "many")));

        assertTrue(e.getMessage().contains("--standin-streams"), e.getMessage());
    }

    @Test
    void takesScyllasClientEncryptionOptionsAsTheyAddUp() {
        ServerOptions options = ServerOptions.parse(List.of("--client-encryption-options", "enabled=true",
                "--client-encryption-options", "certificate=/etc/cdc/server.pem",
                "--client-encryption-options=keyfile=/etc/cdc/server.pem",
                "--client-encryption-options", "truststore=/etc/cdc/ca.pem"));

        assertEquals("/etc/cdc/server.pem", options.tlsFile());
        assertEquals("/etc/cdc/ca.pem", options.tlsAuthorities());
        String yaml = CassandraConfig.yaml(options);
        assertTrue(yaml.contains("client_encryption_options: {enabled: true, optional: false,"), yaml);
        assertTrue(yaml.contains("keystore: '/etc/cdc/server.pem', truststore: '/etc/cdc/ca.pem'}"), yaml);
    }

    @Test
    void servesWithoutTlsUnlessItIsEnabled() {
        ServerOptions options = ServerOptions.parse(List.of("--client-encryption-options", "certificate=/server.pem"));

        assertNull(options.tlsFile());
        assertFalse(CassandraConfig.yaml(options).contains("client_encryption_options"));
    }

    @Test
    void saysThatKeyAndCertificateHaveToBeInOneFile() {
        Exception e = assertThrows(IllegalArgumentException.class, () -> ServerOptions.parse(List.of(
                "--client-encryption-options", "enabled=true,certificate=/server.crt,keyfile=/server.key")));

        assertTrue(e.getMessage().contains("one and the same file"), e.getMessage());
    }

    @Test
    void refusesWordsThatAreNotOptions() {
        assertThrows(IllegalArgumentException.class, () -> ServerOptions.parse(List.of("start")));
    }
}
