package cdc.standin.source;

import com.scylladb.cdc.cql.driver3.Driver3MasterCQL;
import com.scylladb.cdc.cql.driver3.Driver3Session;
import com.scylladb.cdc.model.TableName;
import com.scylladb.cdc.model.master.Master;
import com.scylladb.cdc.model.master.MasterConfiguration;
import com.scylladb.cdc.transport.MasterTransport;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import shaded.com.scylladb.cdc.driver3.driver.core.KeyspaceMetadata;
import shaded.com.scylladb.cdc.driver3.driver.core.TableMetadata;

/** A connection to the cluster, made in the constructor, and what the library and the table metadata say there. */
final class ScyllaSession extends Driver3Session {
    private final Set<TableName> tables;

    /** @throws RuntimeException if no contact point answers or the login fails */
    ScyllaSession(SourceConfig config) {
        super(config.connection());
        this.tables = config.tables();
    }

    /** The library's master, which finds generations of streams and hands them to the transport. */
    Master master(MasterTransport transport) {
        return new Master(MasterConfiguration.builder()
                .withCQL(new Driver3MasterCQL(this))
                .withTransport(transport)
                .addTables(tables)
                .build());
    }

    /** Why a table cannot be read: it does not exist, or it has no CDC log. */
    Optional<String> firstUnreadableTable() {
        Driver3MasterCQL cql = new Driver3MasterCQL(this);
        return tables.stream()
                .map(table -> cql.validateTable(table).join())
                .flatMap(Optional::stream)
                .map(Throwable::getMessage)
                .findFirst();
    }

    List<TableName> tablesWithoutPostimage() {
        return tables.stream().filter(table -> !hasPostimage(table)).toList();
    }

    private boolean hasPostimage(TableName name) {
        KeyspaceMetadata keyspace = getDriverSession().getCluster().getMetadata().getKeyspace(name.keyspace);
        TableMetadata table = keyspace == null ? null : keyspace.getTable(name.name);
        Map<String, String> options = table == null ? null : table.getOptions().getScyllaCDCOptions();
        return options != null && "true".equals(options.get("postimage"));
    }
}
