"""CDC Pipeline Overview: is data flowing, how old is the newest row, what is broken."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from ops.dashboards.parts import CONNECTOR, TOPIC, Figure, Graph, Query, Row, make


def _latency(quantile: float) -> str:
    return (
        f"histogram_quantile({quantile}, sum by (le) (rate(cdc_end_to_end_latency_seconds_bucket[$__rate_interval])))"
    )


def overview() -> Dashboard:
    """Return the dashboard."""
    return make(
        "cdc-overview",
        "CDC Pipeline Overview",
        "Is data flowing, how old is the newest row in PostgreSQL, and what is broken.",
        [CONNECTOR, TOPIC],
        [
            Row(
                "Now",
                [
                    Figure(
                        "Age of the newest row",
                        Query("max(cdc_canary_age_seconds)"),
                        "s",
                        "Of the canary's rows in PostgreSQL. Normally the windows, and at most the interval more.",
                        yellow=30,
                        red=60,
                        decimals=1,
                    ),
                    Figure(
                        "Latency, median",
                        Query(_latency(0.5)),
                        "s",
                        "From a CQL write to when PostgreSQL shows it. The source's windows are nearly all of it.",
                        yellow=30,
                        red=60,
                        decimals=2,
                    ),
                    Figure(
                        "Services down",
                        Query("count(cdc_service_up == 0) or vector(0)"),
                        "none",
                        "Services whose metrics cannot be read or that give no sign of life.",
                        red=1,
                    ),
                    Figure(
                        "Tasks not running",
                        Query('count(cdc_task_status{status!="running"} == 1) or vector(0)'),
                        "none",
                        "Of both connectors.",
                        red=1,
                    ),
                    Figure(
                        "Dead letters",
                        Query("cdc_dlq_messages"),
                        "none",
                        "Records that PostgreSQL refused and that nobody has replayed or dropped.",
                        yellow=1,
                    ),
                    Figure(
                        "Alerts",
                        Query('count(ALERTS{alertstate="firing"}) or vector(0)'),
                        "none",
                        "That fire now. Their runbooks are in docs/runbooks.md.",
                        red=1,
                    ),
                ],
            ),
            Row(
                "Flow",
                [
                    Graph(
                        "Latency from ScyllaDB to PostgreSQL",
                        [Query(_latency(quantile), f"p{quantile * 100:g}") for quantile in (0.5, 0.9, 0.99)],
                        "s",
                        "Of the canary's rows.",
                    ),
                    Graph(
                        "Records in",
                        [Query('cdc_messages_in_per_second{topic=~"$topic"}', "{{topic}}")],
                        "cps",
                        "Written to the tables' topics in a second.",
                    ),
                    Graph(
                        "Records that wait for the sink",
                        [Query('cdc_sink_connector_lag_records{connector=~"$connector"}', "{{connector}} {{topic}}")],
                        "short",
                        "In the topics, not read yet. Kafka's dots come as underscores here.",
                    ),
                    Graph(
                        "Time until the sink has read them",
                        [Query('cdc_sink_connector_lag_seconds{connector=~"$connector"}', "{{connector}}")],
                        "s",
                        "At the speed of the last minute.",
                        yellow=60,
                        red=300,
                    ),
                    Graph(
                        "Age of the newest row",
                        [Query("max(cdc_canary_age_seconds)", "canary")],
                        "s",
                        "Grows by a second each second while nothing arrives.",
                        yellow=30,
                        red=60,
                    ),
                    Graph(
                        "Time since the source polled something",
                        [Query('cdc_source_last_poll_age_seconds{connector=~"$connector"}', "{{connector}}")],
                        "s",
                        "Heartbeats count, so it stays low on idle tables.",
                        yellow=30,
                        red=90,
                    ),
                ],
            ),
            Row(
                "Services",
                [
                    Graph("Up", [Query("up", "{{service}}")], "none", "1 while its metrics can be read."),
                    Graph(
                        "Size of the topics",
                        [
                            Query(
                                'sum by (topic) (max by (topic, partition) (kafka_log_size_bytes{topic=~"$topic"}))',
                                "{{topic}}",
                            )
                        ],
                        "bytes",
                        "One replica.",
                    ),
                    Graph(
                        "PostgreSQL transactions",
                        [
                            Query("rate(pg_stat_database_xact_commit[$__rate_interval])", "{{datname}} committed"),
                            Query("rate(pg_stat_database_xact_rollback[$__rate_interval])", "{{datname}} rolled back"),
                        ],
                        "ops",
                        "Of all clients.",
                    ),
                    Graph(
                        "Writes to ScyllaDB",
                        [
                            Query(
                                "histogram_quantile(0.99, sum by (le) (rate(cdc_canary_write_seconds_bucket[5m])))",
                                "p99 of the canary's",
                            ),
                            Query("max(cdc_confidence_window_seconds)", "confidence window"),
                        ],
                        "s",
                        "What reaches the CDC log later than the confidence window is never delivered.",
                    ),
                ],
            ),
        ],
    )
