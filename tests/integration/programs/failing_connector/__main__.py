"""A sink whose database does not exist: `up` must fail with the reason that Connect gives."""

import pulumi

from components.kafka_connect.configs import (
    AvroConverterConfig,
    DebeziumJdbcSinkConfig,
    JdbcTarget,
    ReplicatedTable,
)
from components.kafka_connect.connector import Connector, ConnectorArgs

NAME = "doomed-sink"

Connector(
    NAME,
    ConnectorArgs.of(
        NAME,
        pulumi.Config().require("url"),
        DebeziumJdbcSinkConfig(
            target=JdbcTarget(host="postgres", port=5432, database="no_such_database"),
            topic_prefix="cdc",
            tables=(ReplicatedTable("shop.users", "public.users", ("id",)),),
            converter=AvroConverterConfig("http://schema-registry:8081", auto_register=False),
            dlq_topic="dlq-postgres-sink",
            dlq_replication_factor=1,
        ),
        timeout_seconds=60,
    ),
)
