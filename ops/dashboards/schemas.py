"""Schema Evolution: what happens to schemas, and whether something refuses them."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from ops.dashboards.parts import CONNECTOR, Figure, Graph, Query, Row, make

ENTRIES = 'kafka_log_end_offset{topic=~"_schemas|kafkasql-journal"}'
JOURNAL = f"max by (topic) ({ENTRIES})"
"""The topic in which the registry keeps what it knows: Confluent's, or Apicurio's."""


def schemas() -> Dashboard:
    """Return the dashboard."""
    return make(
        "cdc-schemas",
        "Schema Evolution",
        "What happens to schemas, and whether registry, connectors or PostgreSQL refuse them.",
        [CONNECTOR],
        [
            Row(
                "Now",
                [
                    Figure(
                        "Registry",
                        Query('min(up{job="schema-registry"})'),
                        "none",
                        "1 while it answers.",
                        yellow=1,
                        red=0.5,
                    ),
                    Figure(
                        "Refused by the registry",
                        Query('sum(reconcile_supervisor_schema_refused{connector=~"$connector"})'),
                        "none",
                        "Connectors that are failed because a schema is not compatible. See docs/schema-evolution.md.",
                        red=1,
                    ),
                    Figure(
                        "Failed tasks",
                        Query('count(cdc_task_status{connector=~"$connector", status="failed"} == 1) or vector(0)'),
                        "none",
                        "A target table that lacks a column or has another type fails the sink's task.",
                        red=1,
                    ),
                    Figure(
                        "Changes in the registry, 24 h",
                        Query(f"sum({JOURNAL} - (max by (topic) ({ENTRIES} offset 24h) or {JOURNAL} * 0))"),
                        "none",
                        "Entries in its journal: schemas, levels. Of a younger stack, all.",
                        decimals=0,
                    ),
                    Figure(
                        "Skipped records",
                        Query('sum(kafka_connect_task_error_total_records_skipped_total{connector=~"$connector"})'),
                        "none",
                        "Since the tasks started; each is in the dead letter queue.",
                        yellow=1,
                    ),
                    Figure("Dead letters", Query("cdc_dlq_messages"), "none", "That wait.", yellow=1),
                ],
            ),
            Row(
                "Over time",
                [
                    Graph(
                        "The registry's journal",
                        [Query(JOURNAL, "{{topic}}")],
                        "short",
                        "Each step is a schema, a version or a level. A change of a source table makes one or two.",
                    ),
                    Graph(
                        "Refused schemas",
                        [Query('reconcile_supervisor_schema_refused{connector=~"$connector"}', "{{connector}}")],
                        "none",
                        "1 while the connector is failed for that reason.",
                        red=1,
                    ),
                    Graph(
                        "Status of the tasks",
                        [Query('cdc_task_status{connector=~"$connector"}', "{{connector}} {{task}} {{status}}")],
                        "none",
                        "1 for the status that it has.",
                    ),
                    Graph(
                        "Restarts by the supervisor",
                        [
                            Query(
                                'increase(reconcile_supervisor_restarts_total{connector=~"$connector"}[10m])',
                                "{{connector}}",
                            )
                        ],
                        "short",
                        "In ten minutes.",
                    ),
                    Graph(
                        "Records that could not be converted or written",
                        [
                            Query(
                                'kafka_connect_task_error_total_record_failures_total{connector=~"$connector"}',
                                "{{connector}} {{task}}",
                            )
                        ],
                        "short",
                        "Since the task started.",
                    ),
                    Graph(
                        "The registry's heap",
                        [
                            Query(
                                'sum by (service) (jvm_memory_used_bytes{job="schema-registry", area="heap"})',
                                "{{service}}",
                            )
                        ],
                        "bytes",
                        "",
                    ),
                ],
            ),
        ],
    )
