"""The report's tables as plain cells, so that the page, the Markdown and the terminal tell the same."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from evals.compare import Comparison
from evals.fairness import Fairness
from evals.measures import FLOORS, SCORE_MEASURES, VERDICT_MEASURES, Figure
from evals.pairs import Kind
from evals.records import RunSettings
from evals.report.cells import Cell, Table, between, number, percent, signed, usd
from evals.slices import By, Slice
from evals.stability import Stability
from evals.summary import Counts, ScoreFigures, Summary, VerdictFigures

NAMES: dict[Kind, str] = {"points": "Points", "pitfalls": "Pitfalls", "star": "STAR parts"}


def name_of(settings: RunSettings) -> str:
    """The golden file's name, without where it lay."""
    return Path(settings.golden).name


def headline(summary: Summary, comparison: Comparison | None = None) -> Table:
    """The figures aims hang on, floors beside them, and what has changed since another run."""
    head = ["figure", "judge", "95 %, answers", "95 %, questions", *FLOORS.values(), "n"]
    changes = {difference.name: difference for difference in comparison.differences} if comparison else {}
    if comparison:
        head += ["before", "change", "95 % of the change"]
    rows: list[tuple[Cell, ...]] = []
    for item in summary.headline:
        row = [Cell(item.title), *_figure(item.figure)]
        row += [Cell(number(item.floors.get(floor))) for floor in FLOORS] + [Cell(str(item.figure.n))]
        if item.name in changes:
            change = changes[item.name]
            row += [Cell(number(change.a)), Cell(signed(change.difference)), Cell(between(change.range) or "undefined")]
        rows.append(tuple(row))
    note = "Length and word overlap are what reads nothing reaches on the same items: a judge has to lie above them."
    if comparison:
        note += " Before, change and its interval are over the items that both runs decided."
    return Table("Headline", tuple(head), tuple(rows), note)


def outcomes(summary: Summary, before: Summary | None = None) -> Table:
    """What became of the answers."""
    runs = [summary.counts, *([before.counts] if before else [])]
    lines: list[tuple[str, list[str]]] = [
        ("readings wanted", [str(c.expected) for c in runs]),
        ("graded", [str(c.graded) for c in runs]),
        ("partial (some criteria unassessed)", [str(c.partial) for c in runs]),
        ("abstained (code found nothing to grade)", [str(c.abstained) for c in runs]),
        ("failed", [_failed(c) for c in runs]),
        ("no record yet", [str(c.missing) for c in runs]),
        ("criteria asked about", [str(c.criteria) for c in runs]),
        ("of them unassessed", [str(c.unassessed) for c in runs]),
        ("answers that need a person's review", [str(c.needs_review) for c in runs]),
        ("answers graded by a rubric that has changed since", [str(c.stale) for c in runs]),
    ]
    head = ("outcome", "this run", *(["before"] if before else []))
    note = (
        "Failed answers are in no figure of agreement. Unassessed criteria are left out of the figures; those of "
        "abstained answers count as missed, absent, avoided, ranked at probability 0."
    )
    return Table("What became of the answers", head, tuple((Cell(name), *map(Cell, of)) for name, of in lines), note)


def kind_table(figures: VerdictFigures) -> Table:
    """All measures of one kind, beside the floors'."""
    rows: list[tuple[Cell, ...]] = []
    for name, figure in figures.figures.items():
        floors = [Cell("")] * len(FLOORS)
        if name in ("kappa", "auc"):
            floors = [Cell(number(getattr(reached, name))) for reached in figures.floors.values()]
        common = Cell(number(figures.majority) if name == "accuracy" else "")
        rows.append((Cell(VERDICT_MEASURES[name]), *_figure(figure), common, *floors))
    head = ("measure", "judge", "95 %, answers", "95 %, questions", "always the commonest", *FLOORS.values())
    return Table(NAMES[figures.kind], head, tuple(rows), _coverage(figures))


def part_tables(summary: Summary) -> Iterator[Table]:
    """The kinds that have parts, by part."""
    for kind, word in (("pitfalls", "Pitfalls by kind"), ("star", "STAR by part")):
        parts = [figures for figures in summary.verdicts if figures.kind == kind and figures.sub]
        names = [name for name in VERDICT_MEASURES if any(name in part.figures for part in parts)]
        head = ("", "compared", "unassessed", "of the human's", *(VERDICT_MEASURES[name] for name in names))
        floors = tuple(f"AUC of {floor}" for floor in FLOORS.values())
        if parts:
            yield Table(word, head + floors, tuple(_part(part, names) for part in parts))


def scores_table(scores: ScoreFigures) -> Table:
    """Agreement of scores."""
    rows = []
    for name, figure in scores.figures.items():
        places = 1 if "error" in name else 2
        floors = [Cell(number(value)) if name == "spearman" else Cell("") for value in scores.floors.values()]
        rows.append((Cell(SCORE_MEASURES[name]), *_figure(figure, places), *floors))
    note = (
        f"{scores.compared} readings have a score of both sides; {scores.unlabelled} lack the human's, "
        f"{scores.unscored} the judge's. Errors are the judge's score less the human's, in points of 100."
    )
    return Table(
        "Scores", ("measure", "judge", "95 %, answers", "95 %, questions", *FLOORS.values()), tuple(rows), note
    )


def slices_table(slices: Sequence[Slice], by: By) -> Table | None:
    """The main figures by one cut; None where it cuts nothing."""
    found = [slice_ for slice_ in slices if slice_.by == by]
    head = (
        by, "readings", "abstained", "failed", "unassessed", "points", "kappa", "AUC",
        "pitfalls", "AUC of pitfalls", "scores", "mean error",
    )  # fmt: skip
    rows = tuple(
        (
            Cell(s.name),
            *(Cell(str(count)) for count in (s.readings, s.abstained, s.failed, s.unassessed, s.points)),
            _bar(s.points_kappa),
            _bar(s.points_auc),
            Cell(str(s.pitfalls)),
            _bar(s.pitfalls_auc),
            Cell(str(s.scores)),
            Cell(signed(s.mean_error, 1)),
        )
        for s in found
    )
    return Table(f"By {by}", head, rows) if found else None


def cost_table(summary: Summary, before: Summary | None = None) -> Table:
    """Money, tokens and time."""
    costs = [summary.cost, *([before.cost] if before else [])]
    lines = [
        ("cost", [usd(c.usd) for c in costs]),
        ("cost of a reading", [usd(c.usd_per_reading) for c in costs]),
        ("calls", [f"{c.calls:,}" for c in costs]),
        ("calls that failed", [f"{c.failed_calls:,}" for c in costs]),
        ("tokens in", [f"{c.input_tokens:,}" for c in costs]),
        ("of them cached", [f"{c.cached_tokens:,}" for c in costs]),
        ("tokens out", [f"{c.output_tokens:,}" for c in costs]),
        ("seconds a reading, median", [number(c.seconds_median, 1) for c in costs]),
        ("seconds a reading, 95th percentile", [number(c.seconds_p95, 1) for c in costs]),
    ]
    head = ("", "this run", *(["before"] if before else []))
    return Table("Cost and time", head, tuple((Cell(name), *map(Cell, of)) for name, of in lines))


def stability_table(stability: Stability) -> Table:
    """How far readings of the same answers differ."""
    rows = tuple(
        (
            Cell(NAMES[f.kind]),
            Cell(str(f.criteria)),
            Cell(str(f.flipped)),
            Cell(percent(f.share)),
            Cell(number(f.alpha)),
        )
        for f in stability.flips
    )
    note = (
        f"{stability.readings} readings. Two readings' scores of one answer differ by "
        f"{number(stability.score_difference, 1)} points of 100 in the mean ({stability.answers} answers)."
    )
    head = ("kind", "criteria", "not the same in all", "chance that two differ", "Krippendorff's alpha")
    return Table("Readings against each other", head, rows, note)


def fairness_table(fairness: Fairness) -> Table:
    """Score differences between the two guises of one answer."""
    rows = tuple(
        (
            Cell(gap.family),
            Cell(str(gap.difference.n)),
            Cell(signed(gap.difference.value, 1), between(gap.difference.answers, 1)),
            Cell(number(gap.mean_absolute, 1)),
            Cell(signed(gap.largest, 1), gap.largest_pair or ""),
            Cell(signed(gap.human, 1)),
            Cell(percent(gap.verdicts_differ)),
        )
        for gap in fairness.gaps
    )
    head = (
        "family",
        "pairs",
        "mean of a less b",
        "mean size",
        "largest",
        "the human's a less b",
        "verdicts that differ",
    )
    note = "In points of 100, with 95 % intervals. " + "".join(f"Left out: {why}. " for why in fairness.left_out)
    return Table("The same answer in two guises", head, rows, note.strip())


def settings_table(summary: Summary, before: Summary | None = None) -> Table:
    """What shaped the verdicts."""
    runs = [summary.settings, *([before.settings] if before else [])]
    names = list(type(summary.settings).model_fields)
    rows = tuple((Cell(name.replace("_", " ")), *(Cell(_said(getattr(run, name))) for run in runs)) for name in names)
    return Table("Settings of the run", ("", "this run", *(["before"] if before else [])), rows)


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else "none" if value is None else str(value)


def _failed(counts: Counts) -> str:
    unreadable = f", {counts.unreadable} of them unreadable" if counts.unreadable else ""
    return f"{counts.failed}{unreadable}" + (f" ({counts.criteria_lost} labels lost)" if counts.criteria_lost else "")


def _figure(figure: Figure, places: int = 2) -> Iterable[Cell]:
    return (
        Cell(number(figure.value, places)),
        Cell(between(figure.answers, places) or "undefined"),
        Cell(between(figure.questions, places) or "undefined"),
    )


def _coverage(figures: VerdictFigures) -> str:
    ranked = {
        "probability": "AUC ranks by the judge's probabilities",
        "levels": "the judge gives no probabilities: AUC ranks by its levels, and calibration is undefined",
        "both": "AUC ranks by the judge's probabilities, and by the level where a verdict has none",
        None: "nothing that a judge decided",
    }[figures.ranked_by]
    return (
        f"{figures.compared} of {figures.labelled} labelled criteria decided, {figures.unassessed} unassessed; "
        f"{figures.positives} of the decided are {_top(figures.kind)} by the human; {ranked}."
    )


def _part(part: VerdictFigures, names: Sequence[str]) -> tuple[Cell, ...]:
    figures = [part.figures.get(name) for name in names]
    return (
        Cell(part.sub or "all"),
        Cell(str(part.compared)),
        Cell(str(part.unassessed)),
        Cell(f"{part.positives} {_top(part.kind)}"),
        *(Cell(number(f.value), between(f.answers)) if f else Cell("undefined") for f in figures),
        *(Cell(number(reached.auc)) for reached in part.floors.values()),
    )


def _top(kind: Kind) -> str:
    return {"points": "met", "pitfalls": "committed", "star": "present"}[kind]


def _bar(value: float | None) -> Cell:
    return Cell(number(value), share=None if value is None else min(1.0, max(0.0, value)))
