"""Panels in one style: a title, a sentence, a unit, and what is asked of Prometheus."""

from typing import Final

from grafana_foundation_sdk.builders import common, stat, timeseries
from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DatasourceVariable,
    QueryVariable,
    Row,
    ThresholdsConfig,
)
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models

SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
Target = tuple[str, str]
"""An expression of PromQL and the legend of its series."""

OPERATIONS: Final = "cps"
SECONDS: Final = "s"
COUNT: Final = "short"
BYTES_A_SECOND: Final = "Bps"
BYTES: Final = "bytes"


def on(metric: str, *matchers: str) -> str:
    """The metric of the chosen instances."""
    chosen = ",".join(('instance=~"$instance"', *matchers))
    return f"{metric}{{{chosen}}}"


def rate(metric: str, *by: str, matchers: tuple[str, ...] = ()) -> str:
    """Increase a second of a counter, summed by these labels."""
    return f"sum by ({', '.join(by)}) (rate({on(metric, *matchers)}[$__rate_interval]))"


def quantile(share: float, histogram: str, *by: str) -> str:
    """A quantile of a histogram given without `_bucket`, by these labels."""
    buckets = rate(f"{histogram}_bucket", "le", *by)
    return f"histogram_quantile({share}, {buckets})"


def age(metric: str, *by: str) -> str:
    """Seconds since the oldest moment a gauge names, by these labels; 0 when there is none."""
    named = f"min by ({', '.join(by)}) ({on(metric)} > 0)"
    return f"(time() - {named}) or (max by ({', '.join(by)}) ({on(metric)}) * 0)"


def series(title: str, text: str, unit: str, *targets: Target) -> timeseries.Panel:
    """A panel of lines over time."""
    panel = (
        timeseries.Panel()
        .title(title)
        .description(text)
        .unit(unit)
        .min(0)
        .datasource(SOURCE)
        .span(8)
        .height(7)
        .fill_opacity(10)
        .show_points(common_models.VisibilityMode.NEVER)
        .legend(
            common.VizLegendOptions()
            .show_legend(True)
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
    )
    for number, (expression, legend) in enumerate(targets):
        panel.with_target(_query(number, expression, legend))
    return panel


def figure(title: str, text: str, unit: str, target: Target, red_from: float) -> stat.Panel:
    """A panel of one figure now, green below `red_from`."""
    expression, legend = target
    return (
        stat.Panel()
        .title(title)
        .description(text)
        .unit(unit)
        .datasource(SOURCE)
        .span(4)
        .height(4)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .graph_mode(common_models.BigValueGraphMode.AREA)
        .thresholds(
            ThresholdsConfig()
            .mode(models.ThresholdsMode.ABSOLUTE)
            .steps(
                [
                    models.Threshold(value=None, color="green"),
                    models.Threshold(value=red_from, color="red"),
                ]
            )
        )
        .with_target(_query(0, expression, legend))
    )


def _query(number: int, expression: str, legend: str) -> Dataquery:
    return (
        Dataquery()
        .expr(expression)
        .legend_format(legend)
        .ref_id(chr(ord("A") + number))
        .datasource(SOURCE)
        .range()
    )


def dashboard(uid: str, title: str, text: str) -> Dashboard:
    """An empty dashboard with the choice of source and instances."""
    return (
        Dashboard(title)
        .uid(uid)
        .description(text)
        .tags(["histoire"])
        .readonly()
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(DatasourceVariable("datasource").label("Source").type("prometheus"))
        .with_variable(
            QueryVariable("instance")
            .label("Instance")
            .datasource(SOURCE)
            .query('label_values(up{job=~"histoire.*"}, instance)')
            .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
            .include_all(True)
            .all_value(".*")
            .multi(True)
        )
    )


def row(title: str) -> Row:
    """A heading; what follows stands below it."""
    return Row(title)
