"""What the dashboards have in common: rows of panels, lists to choose from, marks of new versions, links."""

from collections.abc import Sequence
from typing import NamedTuple

from grafana_foundation_sdk.builders import dashboard as frames
from grafana_foundation_sdk.models import dashboard

from ops.dashboards.panels import SOURCE, Panel

_TAG = "answer-grader"


class Row(NamedTuple):
    """Panels under a heading; they fill lines of 24 columns in their order."""

    title: str
    panels: Sequence[Panel]


class Choice(NamedTuple):
    """A list to choose label values from; in queries `$name`, to be matched by `=~`."""

    name: str
    title: str
    metric: str
    label: str
    first: str = ""
    """What is chosen at first; all where it is empty."""


class About(NamedTuple):
    """A dashboard's name, what it is for, how much time it shows at first, and how often it looks again."""

    name: str
    title: str
    description: str
    since: str
    refresh: str


def board(about: About, choices: Sequence[Choice], rows: Sequence[Row]) -> dashboard.Dashboard:
    """The dashboard; its panels are numbered in their order."""
    made = (
        frames.Dashboard(about.title)
        .uid(f"grader-{about.name}")
        .description(about.description)
        .tags([_TAG])
        .timezone("browser")
        .readonly()
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .time(about.since, "now")
        .refresh(about.refresh)
        .link(_links())
        .annotation(_versions())
    )
    for choice in choices:
        made.with_variable(_variable(choice))
    number = 0
    for row in rows:
        number += 1
        made.with_row(frames.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            made.with_panel(panel.id(number))
    return made.build()


def _variable(choice: Choice) -> frames.QueryVariable:
    first = choice.first or "All"
    return (
        frames.QueryVariable(choice.name)
        .label(choice.title)
        .query(f"label_values({choice.metric}, {choice.label})")
        .datasource(SOURCE)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(dashboard.VariableOption(selected=True, text=[first], value=[choice.first or "$__all"]))
    )


def _links() -> frames.DashboardLink:
    return (
        frames.DashboardLink("Answer grader")
        .type(dashboard.DashboardLinkType.DASHBOARDS)
        .tags([_TAG])
        .as_dropdown(False)
        .keep_time(True)
        .include_vars(True)
    )


def _versions() -> frames.AnnotationQuery:
    new = "count by (version) (grader_build_info) unless count by (version) (grader_build_info offset 5m)"
    return (
        frames.AnnotationQuery()
        .name("A version of the service that did not run five minutes before")
        .datasource(SOURCE)
        .enable(True)
        .icon_color("blue")
        .expr(new)
    )
