"""What a PromQL query gives, told from its text: for tests of dashboards and alerts against the metrics there are.

A metric or label that isn't there gives no error in Prometheus but no data, and so does arithmetic between series whose
labels differ. Here each of these is a WrongQuery.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, get_type_hints

import promql_parser as promql
from prometheus_client import REGISTRY, Counter, Gauge, Histogram

from service import metrics

Labels = frozenset[str]
Instrument = Counter | Gauge | Histogram
KINDS = (Counter, Gauge, Histogram)


class Series(NamedTuple):
    """Series of one name: their labels; `rises`: a counter's, of no use but through rate or increase."""

    labels: Labels
    rises: bool


Known = Mapping[str, Series]


class WrongQuery(ValueError):
    """It cannot give what it is meant to."""


_GROWTH = {"rate", "irate", "increase", "resets"}
_SCALARS = {"time", "scalar", "pi"}
_OF_NOTHING = {"vector", "days_in_month", "day_of_month", "absent", "absent_over_time"}
_SETS = {"and", "or", "unless"}


def exposed() -> dict[str, Series]:
    """What the service's /metrics shows, as service/metrics.py declares it."""
    series: dict[str, Series] = {}
    for instrument in (*_instruments(), *_made_when_asked_for()):
        (family,), labels = instrument.describe(), frozenset(instrument._labelnames)
        if isinstance(instrument, Counter):
            series[f"{family.name}_total"] = Series(labels, rises=True)
        elif isinstance(instrument, Gauge):
            series[family.name] = Series(labels, rises=False)
        else:
            series[f"{family.name}_bucket"] = Series(labels | {"le"}, rises=True)
            series |= {f"{family.name}_{part}": Series(labels, rises=True) for part in ("sum", "count")}
    return series


def _instruments() -> Iterator[Instrument]:
    return (each for each in vars(metrics).values() if isinstance(each, Counter | Gauge | Histogram))


def _made_when_asked_for() -> Iterator[Instrument]:
    """Those that a cached function makes; one not asked for so far is taken back, for others must not see it."""
    for make in vars(metrics).values():
        if hasattr(make, "cache_info") and get_type_hints(make) in ({"return": kind} for kind in KINDS):
            was_there = make.cache_info().currsize
            instrument = make()
            if not was_there:
                REGISTRY.unregister(instrument)
                make.cache_clear()
            yield instrument


def labels_of(query: str, known: Known) -> Labels:
    """The labels of its result; none where it gives a plain number. Raises WrongQuery."""
    try:
        return _labels(promql.parse(query), known) or frozenset()
    except ValueError as error:
        raise WrongQuery(f"{error}, in {query}") from error


def _labels(expr: object, known: Known, *, growing: bool = False) -> Labels | None:
    """None for a scalar. `growing`: what is around it asks how it grows."""
    labels: Labels | None = None
    match expr:
        case promql.VectorSelector():
            labels = _selected(expr, known, growing=growing)
        case promql.MatrixSelector():
            labels = _labels(expr.vector_selector, known, growing=growing)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            labels = _labels(expr.expr, known, growing=growing)
        case promql.AggregateExpr():
            labels = _aggregated(expr, known)
        case promql.Call():
            labels = _called(expr, known)
        case promql.BinaryExpr():
            labels = _combined(expr, known)
    return labels


def _selected(selector: promql.VectorSelector, known: Known, *, growing: bool) -> Labels:
    name = selector.name or ""
    if name not in known:
        raise WrongQuery(f"there is no metric {name!r}")
    series = known[name]
    _wanted({matcher.name for matcher in selector.matchers.matchers}, series.labels, f"matchers of {name}")
    if series.rises is not growing:
        why = "a counter: ask how it grows" if series.rises else "a gauge: it has no rate"
        raise WrongQuery(f"{name} is {why}")
    return series.labels


def _aggregated(expr: promql.AggregateExpr, known: Known) -> Labels:
    inner = _labels(expr.expr, known) or frozenset()
    if expr.modifier is None:
        return frozenset()
    listed = frozenset(expr.modifier.labels)
    _wanted(listed, inner, "an aggregation's labels")
    return listed if expr.modifier.type == promql.AggModifierType.By else inner - listed


def _called(expr: promql.Call, known: Known) -> Labels | None:
    name, arguments = expr.func.name, expr.args
    if name in _SCALARS:
        return None
    growing = name in _GROWTH
    inner = next((at for at in (_labels(a, known, growing=growing) for a in arguments) if at is not None), frozenset())
    if name in _OF_NOTHING:
        return frozenset()
    if name == "histogram_quantile":
        _wanted({"le"}, inner, "a quantile's labels")
        return inner - {"le"}
    return inner | {arguments[1].val} if name == "label_replace" else inner


def _combined(expr: promql.BinaryExpr, known: Known) -> Labels | None:
    left, right = _labels(expr.lhs, known), _labels(expr.rhs, known)
    if left is None or right is None:
        return left if right is None else right
    among_sets = str(expr.op) in _SETS
    matching = expr.modifier.matching if expr.modifier else None
    if matching and matching.type == promql.LabelModifierType.Include:
        _wanted(matching.labels, left & right, "the labels matched on")
        alone = expr.modifier is not None and expr.modifier.card == promql.VectorMatchCardinality.OneToOne
        if alone and not among_sets:
            return frozenset(matching.labels)
    elif not matching and left != right:
        raise WrongQuery(f"labels {sorted(left)} never match {sorted(right)}")
    return left | right if among_sets else left


def _wanted(asked: Iterable[str], there: Labels, what: str) -> None:
    missing = frozenset(asked) - there
    if missing:
        raise WrongQuery(f"{what}: no {sorted(missing)} among {sorted(there)}")
