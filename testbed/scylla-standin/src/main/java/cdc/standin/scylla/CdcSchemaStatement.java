package cdc.standin.scylla;

import org.apache.cassandra.audit.AuditLogContext;
import org.apache.cassandra.auth.AuthenticatedUser;
import org.apache.cassandra.auth.DataResource;
import org.apache.cassandra.config.DatabaseDescriptor;
import org.apache.cassandra.cql3.CQLStatement;
import org.apache.cassandra.cql3.QueryOptions;
import org.apache.cassandra.cql3.statements.schema.AlterSchemaStatement;
import org.apache.cassandra.cql3.statements.schema.CreateTableStatement;
import org.apache.cassandra.cql3.statements.schema.DropTableStatement;
import org.apache.cassandra.schema.Keyspaces;
import org.apache.cassandra.schema.Schema;
import org.apache.cassandra.schema.SchemaTransformation;
import org.apache.cassandra.schema.SchemaTransformation.SchemaTransformationResult;
import org.apache.cassandra.service.ClientState;
import org.apache.cassandra.service.QueryState;
import org.apache.cassandra.transport.Dispatcher;
import org.apache.cassandra.transport.Event.SchemaChange;
import org.apache.cassandra.transport.messages.ResultMessage;

/** CREATE, ALTER or DROP TABLE together with what it means for the CDC log, as one schema change. */
final class CdcSchemaStatement implements CQLStatement, SchemaTransformation {
    private final AlterSchemaStatement statement;
    private final CdcOptions requested;
    private final String keyspace;
    private final String table;

    /** @param requested the CDC options in the statement, or null if it has none */
    CdcSchemaStatement(AlterSchemaStatement statement, CdcOptions requested) {
        this.statement = statement;
        this.requested = requested;
        this.keyspace = statement.getAuditLogContext().keyspace;
        this.table = statement.getAuditLogContext().scope;
    }

    @Override
    public Keyspaces apply(Keyspaces before) {
        Keyspaces after = statement.apply(before);
        // The same keyspaces: IF NOT EXISTS or IF EXISTS had nothing to do.
        return after == before ? before : CdcLogTable.align(after, keyspace, table, requested);
    }

    @Override
    public ResultMessage execute(QueryState state, QueryOptions options, Dispatcher.RequestTime time) {
        SchemaTransformationResult result = Schema.instance.transform(this);
        if (result.diff.isEmpty()) {
            return new ResultMessage.Void();
        }
        if (statement instanceof CreateTableStatement) {
            grantToCreator(state.getClientState().getUser());
        }
        return new ResultMessage.SchemaChange(
                new SchemaChange(change(), SchemaChange.Target.TABLE, keyspace, table));
    }

    /** Cassandra does the same for its own schema statements. */
    private void grantToCreator(AuthenticatedUser creator) {
        if (creator == null || creator.isAnonymous() || creator.isSystem()) {
            return;
        }
        try {
            DataResource resource = DataResource.table(keyspace, table);
            DatabaseDescriptor.getAuthorizer().grant(AuthenticatedUser.SYSTEM_USER,
                    resource.applicablePermissions(), resource, creator.getPrimaryRole());
        } catch (UnsupportedOperationException e) {
            // No authorizer is configured: everybody may do everything.
        }
    }

    private SchemaChange.Change change() {
        if (statement instanceof CreateTableStatement) {
            return SchemaChange.Change.CREATED;
        }
        return statement instanceof DropTableStatement ? SchemaChange.Change.DROPPED : SchemaChange.Change.UPDATED;
    }

    @Override
    public ResultMessage executeLocally(QueryState state, QueryOptions options) {
        return execute(state, options, Dispatcher.RequestTime.forImmediateExecution());
    }

    @Override
    public void authorize(ClientState state) {
        statement.authorize(state);
    }

    @Override
    public void validate(ClientState state) {
        statement.validate(state);
    }

    @Override
    public AuditLogContext getAuditLogContext() {
        return statement.getAuditLogContext();
    }
}
