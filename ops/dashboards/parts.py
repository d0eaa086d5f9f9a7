"""What all dashboards are made of: panels, variables, links, all in one look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
)

PROMETHEUS: Final = DataSourceRef(type_val="prometheus", uid="prometheus")
TAG: Final = "cdc"
GREEN, YELLOW, RED = "green", "yellow", "red"
STAT_WIDTH, GRAPH_WIDTH = 4, 12
"""Of 24."""
STAT_HEIGHT, GRAPH_HEIGHT = 4, 8


@dataclass(frozen=True)
class Query:
    """An expression and what its series are called."""

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Figure:
    """One number now: green, and from the thresholds on yellow and red. With the two swapped, small is bad."""

    title: str
    query: Query
    unit: str
    meaning: str
    yellow: float | None = None
    red: float | None = None
    decimals: int | None = None

    def panel(self) -> stat.Panel:
        """Return the panel."""
        made = (
            stat.Panel()
            .title(self.title)
            .description(self.meaning)
            .datasource(PROMETHEUS)
            .unit(self.unit)
            .thresholds(thresholds(self.yellow, self.red))
            .height(STAT_HEIGHT)
            .span(STAT_WIDTH)
            .graph_mode(looks.BigValueGraphMode.AREA)
            .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
            .with_target(target(self.query, "A"))
        )
        return made if self.decimals is None else made.decimals(self.decimals)


@dataclass(frozen=True)
class Graph:
    """Series over time."""

    title: str
    queries: Sequence[Query]
    unit: str
    meaning: str
    yellow: float | None = None
    red: float | None = None

    def panel(self) -> timeseries.Panel:
        """Return the panel."""
        made = (
            timeseries.Panel()
            .title(self.title)
            .description(self.meaning)
            .datasource(PROMETHEUS)
            .unit(self.unit)
            .min(0)
            .height(GRAPH_HEIGHT)
            .span(GRAPH_WIDTH)
            .fill_opacity(10)
            .legend(common.VizLegendOptions().show_legend(True).placement(looks.LegendPlacement.BOTTOM))
            .tooltip(common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI))
        )
        if self.yellow is not None or self.red is not None:
            made = made.thresholds(thresholds(self.yellow, self.red)).thresholds_style(
                common.GraphThresholdsStyleConfig().mode(looks.GraphTresholdsStyleMode.LINE)
            )
        for query, name in zip(self.queries, _names(), strict=False):
            made = made.with_target(target(query, name))
        return made


@dataclass(frozen=True)
class Row:
    """Panels below a heading."""

    title: str
    panels: Sequence[Figure | Graph]


def _names() -> Iterator[str]:
    return cycle("ABCDEFGH")


def target(query: Query, name: str) -> prometheus.Dataquery:
    """Return a query of a panel."""
    made = prometheus.Dataquery().ref_id(name).expr(query.expression).range().datasource(PROMETHEUS)
    return made.legend_format(query.legend) if query.legend else made


def thresholds(yellow: float | None, red: float | None) -> dashboard.ThresholdsConfig:
    """Return colours by value; where red is the smaller one, small values are bad."""
    if yellow is not None and red is not None and red < yellow:
        steps = [Threshold(None, RED), Threshold(red, YELLOW), Threshold(yellow, GREEN)]
    else:
        bounds = ((yellow, YELLOW), (red, RED))
        steps = [Threshold(None, GREEN), *(Threshold(value, color) for value, color in bounds if value is not None)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def variable(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """Return a variable whose values Prometheus knows; all of them by default."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(PROMETHEUS)
        .query(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .all_value(".*")
    )


CONNECTOR: Final = ("connector", "Connector", "label_values(cdc_connector_status, connector)")
TOPIC: Final = ("topic", "Table", 'label_values(kafka_topic_messages_in_total{topic=~"cdc\\\\..*"}, topic)')
TABLE: Final = ("table", "Table", "label_values(reconcile_run_in_progress, table)")


def make(
    uid: str, title: str, description: str, variables: Sequence[tuple[str, str, str]], rows: Sequence[Row]
) -> Dashboard:
    """Return a dashboard."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .readonly()
        .refresh("10s")
        .time("now-1h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("CDC dashboards")
            .type(DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .keep_time(True)
            .include_vars(True)
        )
    )
    for name, label, query in variables:
        made = made.with_variable(variable(name, label, query))
    for row in rows:
        made = made.with_row(dashboard.Row(row.title))
        for each in row.panels:
            made = made.with_panel(each.panel())
    return made.build()
