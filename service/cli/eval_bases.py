"""What `grader eval calibrate` may go on from: a calibration of which a part is fitted anew, and the rest stays."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from service.cli.failing import fail

if TYPE_CHECKING:
    from collections.abc import Callable

    from evals.replayed import Rows
    from service.core.calibration import Calibration

_BARE = "; without an example answer: "
"""What stands before how the rest of a calibration was made that keeps the most of another."""
_MOVED = "; moved: "
_SHORT = "; short answers: "


def _calibration(*names: str, does: str) -> Any:
    return typer.Option(*names, metavar="FILE", help=f"A calibration: {does}.", show_default=False)


Keep = Annotated[
    Path | None, _calibration(does="fit anew only how points are read in rubrics without an example answer")
]
Stated = Annotated[
    Path | None,
    _calibration("--keep-stated", does="take over from it how points are read in rubrics without an example answer"),
]
Move = Annotated[
    Path | None,
    _calibration(does="move its directions no farther than these runs ask, and leave its scales as they are"),
]
Short = Annotated[Path | None, _calibration(does="fit anew only what it is worth that an answer is short")]


class Base(NamedTuple):
    """What is gone on from: by which option, and the calibration; both None where all is fitted anew."""

    option: str | None
    before: "Calibration | None"

    @property
    def tokens(self) -> tuple[str, ...] | None:
        """Those that rows have to tell of, where the directions stay; None: all that they tell."""
        from service.core.calibration import DIRECTIONS

        direction = self.before and self.before.directions.get(DIRECTIONS["point"])
        return tuple(direction.weights) if direction and self.option in ("move", "short") else None

    def fit(self, made_by: str, model: str) -> "Callable[[Rows], Calibration]":
        """What makes a calibration of rows, which says how it was made."""
        from evals import calibrate as fitting

        before = self.before

        def fit(rows: "Rows") -> "Calibration":
            labelled = f"{len(rows.rows)} labelled criteria"
            if before is None:
                return fitting.calibrated(rows, made_by, f"{labelled}; {model}")
            if self.option == "stated":
                by, noted = _with_bare(made_by, before.made_by), _with_bare(f"{labelled}; {model}", before.note)
                return fitting.calibrated(rows, by, noted, stated=before)
            if self.option == "move":
                note = f"{before.note}{_MOVED}{labelled}, {len(rows.pairs)} pairs of them"
                return fitting.moved(rows, f"{before.made_by}{_MOVED}{made_by}", note, before)
            if self.option == "short":
                whole, noted = _but(before.made_by, _SHORT), _but(before.note, _SHORT)
                return fitting.shortened(rows, f"{whole}{_SHORT}{made_by}", f"{noted}{_SHORT}{labelled}", before)
            points = f"{sum(row.kind == 'point' for row in rows.rows)} points"
            whole, noted = _but(before.made_by, _BARE), _but(before.note, _BARE)
            return fitting.calibrated(rows, f"{whole}{_BARE}{made_by}", f"{noted}{_BARE}{points}", before)

        return fit


def base_of(**given: Path | None) -> Base:
    """By option, of which one at most may name a file. Raises BadFile."""
    from service.catalog import read_json
    from service.core.calibration import STATED, Calibration

    named = [(option, path) for option, path in given.items() if path]
    if not named:
        return Base(None, None)
    if len(named) > 1:
        fail("--keep, --keep-stated, --move and --short: one calibration can be gone on from")
    option, path = named[0]
    before = read_json(path, Calibration)
    if option == "stated" and STATED not in before.directions:
        fail(f"{path}: it has no direction for points in rubrics without an example answer; leave --keep-stated out")
    return Base(option, before)


def _but(text: str, part: str) -> str:
    """How a calibration was made, but for the part that is now fitted anew."""
    whole, _, rest = text.partition(part)
    return whole + rest.removeprefix(_own_part(rest))


def _with_bare(text: str, former: str) -> str:
    """How a calibration was made of which that part was made as the former."""
    whole, found, bare = former.partition(_BARE)
    return f"{text}{_BARE}{_own_part(bare if found else whole)}"


def _own_part(text: str) -> str:
    """What stands before how it was gone on from."""
    return text.partition(_MOVED)[0].partition(_SHORT)[0]
