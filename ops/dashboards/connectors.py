"""Connector Health: what each connector and its workers do, and how well."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from ops.dashboards.parts import CONNECTOR, Figure, Graph, Query, Row, make


def _of(metric: str) -> str:
    return f'{metric}{{connector=~"$connector"}}'


def connectors() -> Dashboard:
    """Return the dashboard."""
    return make(
        "cdc-connectors",
        "Connector Health",
        "What each connector and its workers do, and how well.",
        [CONNECTOR],
        [
            Row(
                "Now",
                [
                    Figure(
                        "Connectors running",
                        Query('count(cdc_connector_status{connector=~"$connector", status="running"})'),
                        "none",
                        "Of two.",
                        yellow=2,
                        red=1,
                    ),
                    Figure(
                        "Tasks running",
                        Query('count(cdc_task_status{connector=~"$connector", status="running"})'),
                        "none",
                        "Of both connectors.",
                        yellow=2,
                        red=1,
                    ),
                    Figure(
                        "Restarts by the supervisor",
                        Query(f"sum(increase({_of('reconcile_supervisor_restarts_total')}[1h]))"),
                        "none",
                        "In the last hour: the reconcile job restarts what failed.",
                        yellow=1,
                        red=5,
                        decimals=0,
                    ),
                    Figure(
                        "Given up",
                        Query(f"sum({_of('reconcile_supervisor_given_up')})"),
                        "none",
                        "Connectors that failed again and again; a person has to look.",
                        red=1,
                    ),
                    Figure(
                        "Record errors",
                        Query(f"sum(increase({_of('kafka_connect_task_error_total_record_errors_total')}[1h]))"),
                        "none",
                        "In the last hour.",
                        yellow=1,
                        decimals=0,
                    ),
                    Figure(
                        "To the dead letter queue",
                        Query(
                            "sum(increase("
                            f"{_of('kafka_connect_task_error_deadletterqueue_produce_requests_total')}[1h]))"
                        ),
                        "none",
                        "In the last hour.",
                        yellow=1,
                        decimals=0,
                    ),
                ],
            ),
            Row(
                "State",
                [
                    Graph(
                        "Status of the connectors",
                        [Query(_of("cdc_connector_status"), "{{connector}} {{status}}")],
                        "none",
                        "1 for the status that it has. A failed task does not show here.",
                    ),
                    Graph(
                        "Status of the tasks",
                        [Query(_of("cdc_task_status"), "{{connector}} {{task}} {{status}}")],
                        "none",
                        "1 for the status that it has.",
                    ),
                ],
            ),
            Row(
                "Work",
                [
                    Graph(
                        "Records polled from ScyllaDB",
                        [
                            Query(
                                "rate(kafka_connect_source_task_source_record_poll_total[$__rate_interval])",
                                "{{connector}} {{task}}",
                            )
                        ],
                        "cps",
                        "With heartbeats.",
                    ),
                    Graph(
                        "Records sent to PostgreSQL",
                        [
                            Query(
                                "rate(kafka_connect_sink_task_sink_record_send_total[$__rate_interval])",
                                "{{connector}} {{task}}",
                            )
                        ],
                        "cps",
                        "After the transforms.",
                    ),
                    Graph(
                        "Batch size",
                        [
                            Query(_of("cdc_batch_size_avg"), "{{connector}} average"),
                            Query(_of("kafka_connect_connector_task_batch_size_max"), "{{connector}} largest"),
                        ],
                        "short",
                        "Records.",
                    ),
                    Graph(
                        "Time for a batch",
                        [
                            Query("kafka_connect_source_task_poll_batch_avg_time_ms", "{{connector}} poll"),
                            Query("kafka_connect_sink_task_put_batch_avg_time_ms", "{{connector}} put, average"),
                            Query("kafka_connect_sink_task_put_batch_max_time_ms", "{{connector}} put, longest"),
                        ],
                        "ms",
                        "What PostgreSQL takes is in put.",
                    ),
                    Graph(
                        "Time for a commit of offsets",
                        [Query(_of("kafka_connect_connector_task_offset_commit_avg_time_ms"), "{{connector}}")],
                        "ms",
                        "",
                    ),
                    Graph(
                        "Failed commits of offsets",
                        [Query(_of("kafka_connect_connector_task_offset_commit_failure_percentage"), "{{connector}}")],
                        "percentunit",
                        "Part of the last ones.",
                        red=0.01,
                    ),
                ],
            ),
            Row(
                "Errors",
                [
                    Graph(
                        "Errors and retries",
                        [
                            Query(_of("cdc_record_errors_total"), "{{connector}} errors"),
                            Query(_of("cdc_record_failures_total"), "{{connector}} failures"),
                            Query(_of("kafka_connect_task_error_total_retries_total"), "{{connector}} retries"),
                        ],
                        "short",
                        "Since the task started.",
                    ),
                    Graph(
                        "Dead letter queue",
                        [
                            Query(_of("cdc_dlq_produced_total"), "{{connector}} sent there"),
                            Query("cdc_dlq_messages", "waiting"),
                        ],
                        "short",
                        "",
                        yellow=1,
                    ),
                ],
            ),
            Row(
                "Workers",
                [
                    Graph(
                        "Heap",
                        [Query('sum by (service) (jvm_memory_used_bytes{job="connect", area="heap"})', "{{service}}")],
                        "bytes",
                        "Of the Java heap.",
                    ),
                    Graph(
                        "CPU",
                        [Query('rate(process_cpu_seconds_total{job="connect"}[$__rate_interval])', "{{service}}")],
                        "none",
                        "Cores.",
                    ),
                    Graph(
                        "Time in garbage collection",
                        [
                            Query(
                                'rate(jvm_gc_collection_seconds_sum{job="connect"}[$__rate_interval])',
                                "{{service}} {{gc}}",
                            )
                        ],
                        "percentunit",
                        "Part of the time.",
                    ),
                    Graph(
                        "Rebalances",
                        [Query("kafka_connect_worker_rebalance_completed_rebalances", "{{service}}")],
                        "short",
                        "Since the worker started. The group stands still while it rebalances.",
                    ),
                ],
            ),
        ],
    )
