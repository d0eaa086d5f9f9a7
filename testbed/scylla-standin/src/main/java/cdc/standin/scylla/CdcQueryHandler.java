package cdc.standin.scylla;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Supplier;
import org.apache.cassandra.cql3.BatchQueryOptions;
import org.apache.cassandra.cql3.CQLStatement;
import org.apache.cassandra.cql3.QueryHandler;
import org.apache.cassandra.cql3.QueryOptions;
import org.apache.cassandra.cql3.QueryProcessor;
import org.apache.cassandra.cql3.ResultSet;
import org.apache.cassandra.cql3.statements.BatchStatement;
import org.apache.cassandra.cql3.statements.SelectStatement;
import org.apache.cassandra.cql3.statements.schema.AlterSchemaStatement;
import org.apache.cassandra.cql3.statements.schema.AlterTableStatement;
import org.apache.cassandra.cql3.statements.schema.CreateTableStatement;
import org.apache.cassandra.cql3.statements.schema.DropTableStatement;
import org.apache.cassandra.db.commitlog.CommitLog;
import org.apache.cassandra.exceptions.InvalidRequestException;
import org.apache.cassandra.service.ClientState;
import org.apache.cassandra.service.QueryState;
import org.apache.cassandra.transport.Dispatcher;
import org.apache.cassandra.transport.messages.ResultMessage;
import org.apache.cassandra.utils.MD5Digest;

/**
 * Cassandra's query handler ({@code -Dcassandra.custom_query_handler_class}) with ScyllaDB's dialect: takes
 * {@code cdc = {...}}, keeps log tables in line with their base tables, logs conditional writes once they have been
 * applied, and answers a write only when the commit log could replay it after {@code kill -9}.
 */
public final class CdcQueryHandler implements QueryHandler {
    private static final QueryProcessor CASSANDRA = QueryProcessor.instance;
    private final Map<MD5Digest, Prepared> preparedSchemaStatements = new ConcurrentHashMap<>();

    @Override
    public CQLStatement parse(String query, QueryState state, QueryOptions options) {
        ScyllaCql scylla = takeApart(query);
        CQLStatement statement = CASSANDRA.parse(scylla.cassandraCql(), state, options);
        boolean changesTable = statement instanceof CreateTableStatement
                || statement instanceof AlterTableStatement
                || statement instanceof DropTableStatement;
        return changesTable ? new CdcSchemaStatement((AlterSchemaStatement) statement, scylla.cdc()) : statement;
    }

    @Override
    public ResultMessage process(CQLStatement statement, QueryState state, QueryOptions options,
                                 Map<String, ByteBuffer> payload, Dispatcher.RequestTime time) {
        return run(statement, () -> CASSANDRA.process(statement, state, options, payload, time));
    }

    @Override
    public ResultMessage processPrepared(CQLStatement statement, QueryState state, QueryOptions options,
                                         Map<String, ByteBuffer> payload, Dispatcher.RequestTime time) {
        return run(statement, () -> CASSANDRA.processPrepared(statement, state, options, payload, time));
    }

    @Override
    public ResultMessage processBatch(BatchStatement statement, QueryState state, BatchQueryOptions options,
                                      Map<String, ByteBuffer> payload, Dispatcher.RequestTime time) {
        return run(statement, () -> CASSANDRA.processBatch(statement, state, options, payload, time));
    }

    @Override
    public ResultMessage.Prepared prepare(String query, ClientState client, Map<String, ByteBuffer> payload) {
        if (!ScyllaCql.changesSchema(query)) {
            return CASSANDRA.prepare(takeApart(query).cassandraCql(), client, payload);
        }
        CQLStatement statement = parse(query, new QueryState(client), QueryOptions.DEFAULT);
        MD5Digest id = MD5Digest.compute(client.getRawKeyspace() + query);
        preparedSchemaStatements.put(id, new Prepared(statement, query, true, client.getRawKeyspace()));
        ResultSet.ResultMetadata result = ResultSet.ResultMetadata.fromPrepared(statement);
        return new ResultMessage.Prepared(
                id, result.getResultMetadataId(), ResultSet.PreparedMetadata.fromPrepared(statement), result);
    }

    @Override
    public Prepared getPrepared(MD5Digest id) {
        Prepared schemaStatement = preparedSchemaStatements.get(id);
        return schemaStatement != null ? schemaStatement : CASSANDRA.getPrepared(id);
    }

    private static ScyllaCql takeApart(String query) {
        try {
            return ScyllaCql.parse(query);
        } catch (IllegalArgumentException e) {
            throw new InvalidRequestException(e.getMessage(), e);
        }
    }

    private static ResultMessage run(CQLStatement statement, Supplier<ResultMessage> call) {
        ResultMessage result = statement.hasConditions() ? ConditionalWrites.run(call) : call.get();
        if (!(statement instanceof SelectStatement)) {
            markCommitLog();
        }
        return result;
    }

    /**
     * Replay stops at the last mark in the commit log, and Cassandra by itself sets one every 100 ms only. The log is
     * mapped memory, so what is marked survives the death of the process without a write to the disk.
     */
    private static void markCommitLog() {
        try {
            CommitLog.instance.sync(false);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
