"""`grader models fetch` shows how far it is, on a terminal and elsewhere."""

import hashlib
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from service.cli.models import fetched
from service.core.errors import WeightsUnavailable
from service.models.weight_sources import Report, SourceFailed, size_of
from service.models.weights import WeightsSpec
from tests.service.cli.command_line import grader

WEIGHTS = bytes(range(250)) * 8_000  # 2 MB


@dataclass
class Shelf:
    """A source that brings the weights a hundredth at a time, up to a cut."""

    name: str
    cut: int = len(WEIGHTS)

    def fill(self, partial: Path, size: int, report: Report) -> None:
        with partial.open("ab") as file:
            for done in range(size_of(partial), min(size, self.cut), size // 100):
                file.write(WEIGHTS[done : done + size // 100])
                report(done + size // 100)
        if self.cut < size:
            raise SourceFailed("cut off")


def spec_of(*shelves: Shelf) -> WeightsSpec:
    return WeightsSpec("tiny.gguf", len(WEIGHTS), hashlib.sha256(WEIGHTS).hexdigest(), shelves)


def test_where_there_is_no_terminal_every_tenth_gets_a_line(tmp_path: Path) -> None:
    said = StringIO()
    path = fetched(spec_of(Shelf("shelf")), folder=tmp_path, console=Console(file=said))
    assert path.read_bytes() == WEIGHTS
    lines = said.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == [f"{tenth}0%" if tenth else "0%" for tenth in range(11)]
    assert lines[5] == "shelf: 50% (1 of 2 MB)"


def test_a_second_source_goes_on_under_its_own_name(tmp_path: Path) -> None:
    spec, said = spec_of(Shelf("first", cut=len(WEIGHTS) // 2), Shelf("second")), StringIO()
    fetched(spec, folder=tmp_path, console=Console(file=said))
    assert [line.split(" (")[0] for line in said.getvalue().splitlines()][5:8] == [
        "first: 50%",
        "second: 50%",
        "second: 60%",
    ]


def test_on_a_terminal_a_bar_shows_bytes_and_source(tmp_path: Path) -> None:
    said = StringIO()
    fetched(spec_of(Shelf("sh[el]f")), folder=tmp_path, console=Console(file=said, force_terminal=True, width=100))
    assert "sh[el]f" in said.getvalue()
    assert "2.0/2.0 MB" in said.getvalue()


def test_weights_held_already_are_not_spoken_of(tmp_path: Path) -> None:
    spec, said = spec_of(Shelf("shelf")), StringIO()
    fetched(spec, folder=tmp_path, console=Console(file=StringIO()))
    assert fetched(spec, folder=tmp_path, console=Console(file=said)) == tmp_path / "tiny.gguf"
    assert said.getvalue() == ""


def test_what_cannot_be_had_is_raised_with_each_place_tried(tmp_path: Path) -> None:
    spec = spec_of(Shelf("first", cut=0), Shelf("second", cut=0))
    with pytest.raises(WeightsUnavailable, match="first: cut off\n  second: cut off"):
        fetched(spec, folder=tmp_path, console=Console(file=StringIO()))


@pytest.mark.parametrize(("name", "said"), [("some.gguf", "has 5 bytes, wanted "), ("nowhere.gguf", "no file")])
def test_a_wrong_file_given_is_wrong_use(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "some.gguf").write_bytes(b"wrong")
    result = grader(tmp_path, "models", "fetch", "--from", name)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
