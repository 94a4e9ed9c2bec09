"""A finished run as Prometheus metrics: pushed to a Pushgateway, or in a file for the node exporter."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit

from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import basic_auth_handler, default_handler, push_to_gateway
from prometheus_client.registry import Collector

from evals.measures import Figure
from evals.records import RECORDS, Record, RunSettings
from evals.summary import Summary
from service.core.errors import BadFile

JOB = "evals"
RUN = ("golden", "judge", "model")
"""What tells kinds of runs apart: a newer run replaces the older one that has the same three."""


class Instrument(NamedTuple):
    """A gauge's name, its help sentence and the names of its labels."""

    name: str
    help: str
    labels: tuple[str, ...] = RUN


AGREEMENT = Instrument(
    "grader_eval_agreement",
    "How far the judge agrees with the labels, by kind of criterion (or score) and measure; mean_error in points.",
    (*RUN, "kind", "measure"),
)
AGREEMENT_LOW = Instrument(
    "grader_eval_agreement_low",
    "Lower end of the agreement's 95 % interval, had other questions been asked.",
    AGREEMENT.labels,
)
AGREEMENT_HIGH = Instrument(
    "grader_eval_agreement_high",
    "Upper end of the agreement's 95 % interval, had other questions been asked.",
    AGREEMENT.labels,
)
ANSWERS = Instrument(
    "grader_eval_answers",
    "Readings of golden answers, by outcome: graded, partial, abstained, failed.",
    (*RUN, "outcome"),
)
UNASSESSED_RATIO = Instrument(
    "grader_eval_unassessed_ratio", "Share of the labelled criteria that the judge left open, from 0 to 1."
)
COST_USD = Instrument("grader_eval_cost_usd", "What the run cost in US dollars; missing where a price is unknown.")
SECONDS = Instrument("grader_eval_seconds", "Wall time of the readings, summed; several may have run at once.")
MEDIAN_SECONDS = Instrument("grader_eval_median_seconds", "Median wall time of one reading, abstained ones left out.")
FINISHED = Instrument("grader_eval_finished_timestamp_seconds", "When the run's last record was written, in Unix time.")

INSTRUMENTS = (
    AGREEMENT,
    AGREEMENT_LOW,
    AGREEMENT_HIGH,
    ANSWERS,
    UNASSESSED_RATIO,
    COST_USD,
    SECONDS,
    MEDIAN_SECONDS,
    FINISHED,
)
NAMES: Mapping[str, tuple[str, ...]] = {instrument.name: instrument.labels for instrument in INSTRUMENTS}
"""Each metric and its labels, for what must not name others: dashboards, rules and their tests."""

MEASURES: Mapping[str, str] = {
    "kappa": "kappa",
    "qwk": "weighted_kappa",
    "auc": "auc",
    "accuracy": "accuracy",
    "f1": "f1",
    "spearman": "spearman",
    "pearson": "pearson",
    "mean_error": "mean_error",
}
"""The measures that are pushed, by their names in a Summary, and what the label `measure` calls them."""

_Sample = tuple[Instrument, tuple[str, ...], float | None]


class GatewayUnreachable(Exception):
    """Nothing answers at the gateway's address, or it is down."""


class GatewayRefused(Exception):
    """Something answers there and does not take the figures: no Pushgateway, or one that wants a password."""


def refuse_unfinished(summary: Summary, records: Sequence[Record], folder: Path) -> None:
    """Raises BadFile where readings are missing, or none came to a grade: such figures must not replace better ones."""
    counts, mend = summary.counts, "go on with the run: `grader eval run … --resume`"
    if counts.missing:
        missing = f"{counts.missing} of {counts.expected} readings have no record yet"
        raise BadFile(folder / RECORDS, [(None, f"{missing}, and only a finished run is pushed; {mend}")])
    if counts.failed == len(records):
        why = next((record.error for record in records if record.error), "no reason was recorded")
        raise BadFile(folder / RECORDS, [(None, f"no answer was graded ({why}); mend that and {mend}")])


def registry_of(summary: Summary, finished: float) -> CollectorRegistry:
    """The run's figures in a registry of their own; what is unknown is left out. `finished` is in Unix time."""
    registry = CollectorRegistry()
    registry.register(_Figures(summary, finished))
    return registry


def push(registry: CollectorRegistry, settings: RunSettings, gateway: str) -> None:
    """Put the figures in the place of an older run of the same kind. `gateway` may hold a name and a password.

    Raises GatewayUnreachable, GatewayRefused; what they say holds no password.
    """
    parts = urlsplit(gateway)
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    handler = default_handler
    if parts.username is not None:
        name, password = unquote(parts.username), unquote(parts.password or "")
        handler = partial(basic_auth_handler, username=name, password=password)
    try:
        push_to_gateway(address, JOB, registry, dict(zip(RUN, run_labels(settings), strict=True)), handler=handler)
    except HTTPError as error:
        with error:
            said = f"{address} answered {error.code} {error.reason}: {error.read(200).decode(errors='replace').strip()}"
        raise (GatewayUnreachable if error.code >= 500 else GatewayRefused)(said) from error
    except (OSError, HTTPException) as error:
        raise GatewayUnreachable(f"{address}: {getattr(error, 'reason', None) or error}") from error


def write(registry: CollectorRegistry, file: Path) -> None:
    """Write the figures for the node exporter's textfile collector, all at once. Raises OSError."""
    write_to_textfile(str(file), registry)


def run_labels(settings: RunSettings) -> tuple[str, str, str]:
    """The values of RUN: the golden file's stem, the judge, and the first of the models."""
    return Path(settings.golden).stem, settings.judge, settings.model.partition(", ")[0]


class _Figures(Collector):
    """Values that are there already. A Gauge would, beside a serving process, write them among that one's own."""

    def __init__(self, summary: Summary, finished: float) -> None:
        self._run = run_labels(summary.settings)
        self._samples = (*_agreements(summary), *_totals(summary), (FINISHED, (), finished))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for instrument in INSTRUMENTS:
            family = GaugeMetricFamily(instrument.name, instrument.help, labels=instrument.labels)
            for _, labels, value in (sample for sample in self._samples if sample[0] is instrument):
                if value is not None:
                    family.add_metric((*self._run, *labels), value)
            if family.samples:
                yield family


def _agreements(summary: Summary) -> Iterator[_Sample]:
    kinds: dict[str, Mapping[str, Figure]] = {of.kind: of.figures for of in summary.verdicts if of.sub is None}
    for kind, figures in (kinds | {"score": summary.scores.figures}).items():
        for name in (name for name in MEASURES if name in figures):
            labels, figure = (kind, MEASURES[name]), figures[name]
            yield AGREEMENT, labels, figure.value
            if figure.value is not None and figure.questions:
                yield AGREEMENT_LOW, labels, figure.questions.low
                yield AGREEMENT_HIGH, labels, figure.questions.high


def _totals(summary: Summary) -> Iterator[_Sample]:
    counts, cost = summary.counts, summary.cost
    yield ANSWERS, ("graded",), counts.graded
    yield ANSWERS, ("partial",), counts.partial
    yield ANSWERS, ("abstained",), counts.abstained
    yield ANSWERS, ("failed",), counts.failed
    yield UNASSESSED_RATIO, (), counts.unassessed / counts.criteria if counts.criteria else None
    yield COST_USD, (), cost.usd
    yield SECONDS, (), cost.seconds
    yield MEDIAN_SECONDS, (), cost.seconds_median
