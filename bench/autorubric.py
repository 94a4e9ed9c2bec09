"""Compare our judges with AutoRubric on the same answers, model and server: `python -m bench.autorubric`.

`make bench-autorubric` sets AutoRubric up in an environment of its own. Everything is resumable: what a visit has
judged stands in --out, and the next visit goes on from there.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bench.autorubric_items import Item, Reading, items_of, reading_of_autorubric, reading_of_ours
from bench.autorubric_report import show
from bench.llama_server import serve
from evals.golden import read_golden
from evals.records import SETTINGS, read_run
from service.catalog import RUBRICS, read_catalog
from service.models.weights import default_path, fetch

MODES = ("per_item", "default")
OURS = ("one_call", "per_criterion")
_KEY = "sk-bench"
_PORT = 18_745  # always the same: a run knows its model by name and address, and is resumed with no other
_SECONDS = "3600"  # a small machine's server is slow; a deadline would be taken for the judge's failure
_HERE = Path(__file__).resolve().parent


class Server(NamedTuple):
    """An OpenAI-compatible server. `ours`: the local weights behind llama.cpp's own, which tell odds in process."""

    address: str
    model: str
    key: str
    ours: bool


def main() -> None:
    wanted = _wanted()
    catalog = read_catalog(RUBRICS)
    golden = read_golden(wanted.golden, catalog)
    items = items_of(golden, catalog, wanted.answers, np.random.default_rng(wanted.seed))
    keep_golden(wanted.out / "golden.jsonl", items)
    if wanted.only != "report":
        server = _server(wanted.server, wanted.model)
        if wanted.only != "autorubric":
            for judge in OURS if server.ours else OURS[:1]:
                _run_ours(judge, server, wanted.out)
        if wanted.only != "ours":
            _run_autorubric(wanted.mode, items, server, wanted.python, wanted.out)
    show(items, readings_in(items, wanted.out), np.random.default_rng(wanted.seed), wanted.draws)


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--answers", type=int, default=24, help="how many, drawn by --seed; fewer are the first of more"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--mode", choices=MODES, default="per_item", help="AutoRubric: one call an answer, or a criterion"
    )
    parser.add_argument("--only", choices=("ours", "autorubric", "report"))
    parser.add_argument("--golden", type=Path, default=Path("evals/golden/interview.jsonl"))
    parser.add_argument("--out", type=Path, default=Path("evals/runs/autorubric"))
    parser.add_argument("--python", type=Path, default=Path(".venv-autorubric/bin/python"), help="AutoRubric's")
    parser.add_argument("--server", help="address of a server to ask (key: OPENAI_API_KEY); else one is started")
    parser.add_argument("--model", default="qwen2.5-coder-1.5b", help="what that server calls its model")
    parser.add_argument("--draws", type=int, default=1000, help="of the bootstrap")
    return parser.parse_args()


def keep_golden(path: Path, items: Sequence[Item]) -> None:
    """The answers as our judges get them. A folder keeps to its first draw, of which a later visit may take fewer."""
    lines = "".join(item.golden.model_dump_json(exclude_none=True) + "\n" for item in items)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(lines, encoding="utf-8")
    elif not path.read_text(encoding="utf-8").startswith(lines):
        sys.exit(f"{path} holds other answers, or fewer; take another folder (--out)")


def _server(address: str | None, model: str) -> Server:
    """The one at this address, or one that lives as long as this process."""
    if address:
        return Server(address, model, os.environ.get("OPENAI_API_KEY", "none"), ours=False)
    fetch()
    try:
        started = serve(default_path(), _PORT, os.cpu_count() or 1, _KEY)
    except RuntimeError as error:
        sys.exit(f"no server on port {_PORT}: {error} Does another process hold that port?")
    return Server(f"{started}/v1", model, _KEY, ours=True)


def _run_ours(judge: str, server: Server, out: Path) -> None:
    """`grader eval run` over the same answers, one at a time."""
    hosted = {
        "GRADER_MODEL": f"openai/{server.model}",
        "GRADER_API_BASE": server.address,
        "OPENAI_API_KEY": server.key,
    }
    settings = {"GRADER_SECRET": "a secret of the benchmarks", "GRADER_DEADLINE_SECONDS": _SECONDS}
    settings |= hosted if judge == "one_call" else {"GRADER_MODEL": "local"}
    command = [sys.executable, "-m", "service.cli", "eval", "run", str(out / "golden.jsonl")]
    command += ["--judge", judge, "--workers", "1", "--out", str(out / judge), "--resume"]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GRADER_")}
    code = subprocess.run(command, env=inherited | settings, check=False).returncode
    if code:
        sys.exit(code)


def _run_autorubric(mode: str, items: Sequence[Item], server: Server, python: Path, out: Path) -> None:
    judge = f"AutoRubric {_version(python)} {mode}, openai/{server.model}"
    path = out / f"autorubric-{mode}.jsonl"
    known = read_readings(path)
    if others := {reading.judge for reading in known.values()} - {judge}:
        sys.exit(f"{path} was made by {', '.join(sorted(others))}, not by {judge}; take another folder (--out)")
    todo = [item for item in items if item.golden.id not in known or known[item.golden.id].outage]
    command = [str(python.absolute()), "-P", str(_HERE / "autorubric_grade.py"), mode, server.model, server.address]
    started = time.monotonic()
    for done, reading in enumerate(grade_by_autorubric(todo, command, server.key, judge, out), 1):
        add_reading(path, reading)
        left = (time.monotonic() - started) / done * (len(todo) - done)
        decided = sum(verdict is not None for verdict in reading.verdicts.values())
        print(
            f"AutoRubric {mode} {done}/{len(todo)} {reading.answer_id}: {reading.seconds:.0f} s, {decided} of "
            f"{len(reading.verdicts)} assessed, {reading.output_tokens} tokens written; {left / 60:.0f} min left",
            file=sys.stderr,
        )


def _version(python: Path) -> str:
    ask = "import importlib.metadata as m; print(m.version('autorubric'))"
    try:
        said = subprocess.run([python, "-P", "-c", ask], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        sys.exit(f"no AutoRubric behind {python}; `make bench-autorubric` sets it up, --python names another")
    return said.stdout.strip()


def grade_by_autorubric(
    items: Sequence[Item], command: Sequence[str], key: str, judge: str, out: Path
) -> Iterator[Reading]:
    """Readings one by one, from a process that gets an item when it has given the last one's. Its log is in `out`."""
    environment = os.environ | {"OPENAI_API_KEY": key, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    with (
        (out / "autorubric.log").open("a", encoding="utf-8") as log,
        subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        for item in items:
            try:
                process.stdin.write(item.for_autorubric + "\n")
                process.stdin.flush()
                line = process.stdout.readline()
            except BrokenPipeError:
                line = ""
            if not line:
                sys.exit(f"AutoRubric's process stopped; {log.name} has its last words, and what is judged stands")
            yield reading_of_autorubric(item, judge, json.loads(line))


def add_reading(path: Path, reading: Reading) -> None:
    """After what is whole: a line that was cut off when a visit was stopped is dropped."""
    path.touch()
    with path.open("r+b") as file:
        file.truncate(file.read().rfind(b"\n") + 1)
        file.seek(0, os.SEEK_END)
        file.write(reading.model_dump_json().encode() + b"\n")


def read_readings(path: Path) -> dict[str, Reading]:
    """By answer id, the last of each; what follows the last line's end was cut off and is passed over."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    readings = (Reading.model_validate_json(line) for line in lines)
    return {reading.answer_id: reading for reading in readings}


def readings_in(items: Sequence[Item], out: Path) -> dict[str, dict[str, Reading]]:
    """By judge's name, then by answer id: of all judges that have a word in this folder."""
    every = {f"AutoRubric {mode}": read_readings(out / f"autorubric-{mode}.jsonl") for mode in MODES}
    of_id = {item.golden.id: item for item in items}
    for judge in OURS:
        if (out / judge / SETTINGS).exists():
            settings, records = read_run(out / judge)
            name = f"{settings.judge}, {settings.model}, {' '.join(settings.prompts)}"
            every[judge] = {
                record.golden_id: reading_of_ours(of_id[record.golden_id], name, record)
                for record in records
                if record.golden_id in of_id
            }
    return {judge: readings for judge, readings in every.items() if readings}


if __name__ == "__main__":
    main()
