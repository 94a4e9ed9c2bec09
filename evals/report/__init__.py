"""A run's report: as a page for people, as tables for a pull request, as JUnit for CI."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from evals.compare import Comparison, compare_runs
from evals.golden import GoldenAnswer
from evals.pairs import Material, material_of
from evals.records import Run
from evals.summary import Summary, summary_of
from service.catalog import Catalog
from service.core.rubric import Rubric


class Report(NamedTuple):
    """All that any form of the report tells. `before` and `comparison` are of an earlier run; None without one.

    `rubrics` are by golden id.
    """

    golden: Mapping[str, GoldenAnswer]
    rubrics: Mapping[str, Rubric]
    material: Material
    summary: Summary
    before: Summary | None
    comparison: Comparison | None


def report_of(
    golden: Sequence[GoldenAnswer],
    run: Run,
    catalog: Catalog,
    rng: np.random.Generator,
    draws: int = 1000,
    before: Run | None = None,
) -> Report:
    """The report on a run, beside an earlier one over the same golden answers if there is one."""
    return Report(
        golden={answer.id: answer for answer in golden},
        rubrics={answer.id: answer.rubric_in(catalog) for answer in golden},
        material=material_of(golden, run.records, catalog),
        summary=summary_of(golden, run, catalog, rng, draws),
        before=summary_of(golden, before, catalog, rng, draws) if before else None,
        comparison=compare_runs(golden, before, run, catalog, rng, draws) if before else None,
    )
