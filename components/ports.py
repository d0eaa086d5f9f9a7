"""Every port in one place: inside the network, and published on the host before the stack's offset is added."""

ZOOKEEPER_CLIENT = 2181
KAFKA_INTERNAL = 9092
KAFKA_BROKERS = 9094
"""Between brokers, where they ask clients for logins."""
SCHEMA_REGISTRY = 8081
CONNECT_REST = 8083
CQL = 9042
POSTGRES = 5432
VAULT = 8200
RECONCILE = 9108
"""Metrics and health of the reconcile job."""
CANARY = 9109
"""Metrics and health of the canary."""
JMX_METRICS = 9404
"""Metrics of every Java service, shown by the JMX exporter inside of it."""
VAULT_METRICS = 8202
"""Metrics of the Vault server, without a token; never published."""
VAULT_AGENT_METRICS = 8203
POSTGRES_METRICS = 9187
ALERTMANAGER = 9093
GRAFANA = 3000
SCYLLA_METRICS = 9180
"""ScyllaDB's own metrics."""
PROMETHEUS = 9090
JAEGER = 16686
"""Jaeger's page and API."""
JAEGER_METRICS = 14269
"""Its metrics and health."""
OTLP = 4318
"""Where Jaeger takes spans, by HTTP; never published."""

PUBLISHED_KAFKA_FIRST = 29092
"""Broker 1; broker n gets this plus n - 1."""
PUBLISHED_SCHEMA_REGISTRY = 28081
PUBLISHED_CONNECT_REST = 28083
PUBLISHED_CQL = 29042
PUBLISHED_POSTGRES = 25432
PUBLISHED_VAULT = 28200
PUBLISHED_RECONCILE = 29108
PUBLISHED_PROMETHEUS = 29190
PUBLISHED_ALERTMANAGER = 29193
PUBLISHED_GRAFANA = 23000
PUBLISHED_JAEGER = 26686
