"""Reconciliation: do both databases have the same rows, and since when is that known."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from ops.dashboards.parts import TABLE, Figure, Graph, Query, Row, make


def _of(metric: str) -> str:
    return f'{metric}{{table=~"$table"}}'


def reconciliation() -> Dashboard:
    """Return the dashboard."""
    return make(
        "cdc-reconcile",
        "Reconciliation",
        "Do both databases have the same rows, and since when is that known.",
        [TABLE],
        [
            Row(
                "Now",
                [
                    Figure(
                        "Open differences",
                        Query(f"sum({_of('reconcile_open_discrepancies')})"),
                        "none",
                        "Rows that a comparison found different and that still are.",
                        yellow=1,
                        red=1000,
                    ),
                    Figure(
                        "Last comparison",
                        Query(f"time() - min(max by (table) ({_of('reconcile_last_success_timestamp_seconds')}))"),
                        "s",
                        "Age of the last run that compared everything, of the table where it is oldest.",
                        yellow=86400,
                        red=93600,
                    ),
                    Figure(
                        "Verified through",
                        Query(f"time() - min({_of('reconcile_verified_through_timestamp_seconds')})"),
                        "s",
                        "Age of the moment up to which clean runs have proved the tables without a gap.",
                        yellow=93600,
                        red=172800,
                    ),
                    Figure(
                        "Runs in progress",
                        Query(f"sum({_of('reconcile_run_in_progress')})"),
                        "none",
                        "",
                    ),
                    Figure(
                        "Breaker",
                        Query(f"sum({_of('reconcile_breaker_tripped')})"),
                        "none",
                        "Tables whose newest run stopped repairing because there was too much.",
                        red=1,
                    ),
                    Figure(
                        "Next run",
                        Query("reconcile_next_run_timestamp_seconds - time()"),
                        "s",
                        "Time until the next run by the schedule.",
                    ),
                ],
            ),
            Row(
                "Differences",
                [
                    Graph(
                        "Open differences",
                        [Query(_of("reconcile_open_discrepancies"), "{{table}} {{kind}}")],
                        "short",
                        "missing: PostgreSQL lacks the row; mismatch: other values; extra: ScyllaDB lacks it.",
                    ),
                    Graph(
                        "Differences by cause",
                        [Query(f"sum by (cause) ({_of('reconcile_discrepancies_total')}) or vector(0)", "{{cause}}")],
                        "short",
                        "All that were ever confirmed.",
                    ),
                    Graph(
                        "Candidates",
                        [
                            Query(f"sum by (outcome) ({_of('reconcile_rechecks_total')})", "{{outcome}}"),
                            Query(f"sum({_of('reconcile_candidates')})", "undecided"),
                        ],
                        "short",
                        "transient ones were rows on their way; confirmed ones stood; unstable ones never stood still.",
                    ),
                    Graph(
                        "Repairs",
                        [
                            Query(
                                f"sum by (action, outcome) ({_of('reconcile_repairs_total')}) or vector(0)",
                                "{{action}} {{outcome}}",
                            )
                        ],
                        "short",
                        "Rows that were repaired, or tried, or undone.",
                    ),
                ],
            ),
            Row(
                "Runs",
                [
                    Graph(
                        "Rows compared",
                        [Query(f"rate({_of('reconcile_rows_total')}[$__rate_interval])", "{{table}} {{side}}")],
                        "cps",
                        "",
                    ),
                    Graph(
                        "Units of the newest run",
                        [Query(_of("reconcile_units"), "{{table}} {{state}}")],
                        "short",
                        "Pieces of work.",
                    ),
                    Graph(
                        "Duration of the newest run",
                        [Query(_of("reconcile_run_duration_seconds"), "{{table}} {{mode}}")],
                        "s",
                        "",
                    ),
                    Graph(
                        "Lag that the newest run saw",
                        [Query(_of("reconcile_pipeline_lag_seconds"), "{{table}}")],
                        "s",
                        "Nothing is confirmed while the pipeline is further behind than the run allows.",
                    ),
                ],
            ),
        ],
    )
