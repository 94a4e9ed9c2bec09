"""ops/Dockerfile: what it is built from, what it takes along, and as whom it runs."""

import json
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from dockerfile_parse import DockerfileParser

from tests.ops.composed import ROOT, mounts, open_ports, program, services

DOCKERFILE = ROOT / "ops/Dockerfile"


class Step(NamedTuple):
    """One instruction of the Dockerfile."""

    name: str
    value: str


def stages() -> list[list[Step]]:
    """The instructions of each stage; the last is what runs."""
    found: list[list[Step]] = []
    for part in DockerfileParser(path=str(DOCKERFILE)).structure:
        if part["instruction"] == "FROM":
            found.append([])
        if part["instruction"] != "COMMENT":
            found[-1].append(Step(part["instruction"], part["value"]))
    return found


def only(name: str) -> str:
    """The value of an instruction that stands once in the last stage."""
    (value,) = (step.value for step in stages()[-1] if step.name == name)
    return value


def test_hadolint_has_nothing_to_say_against_it() -> None:
    said = subprocess.run(
        [program("hadolint"), "--no-color", "--failure-threshold", "info", str(DOCKERFILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (said.returncode, said.stdout) == (0, "")


def test_all_stages_stand_on_one_exact_python() -> None:
    bases = {stage[0].value.split()[0] for stage in stages()}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-[a-z]+", bases.pop())


def test_it_runs_as_the_user_that_compose_says_and_not_as_root() -> None:
    user = only("USER")
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), "in numbers, and not root"
    assert services()["grader"]["user"] == user


def test_nothing_is_installed_but_by_its_hash() -> None:
    installs = [step.value for stage in stages() for step in stage if "pip install" in step.value]
    assert installs
    assert all("--require-hashes -r requirements" in value for value in installs)
    pins = re.findall(r"^[\w.-]+==\S+ .*$", (ROOT / "requirements.txt").read_text("utf-8"), flags=re.MULTILINE)
    assert pins


def test_what_it_copies_is_let_in() -> None:
    let_in = [line.removeprefix("!") for line in _ignore() if line.startswith("!")]
    copied = [step.value.split()[0] for step in stages()[0] if step.name == "COPY"]
    assert sorted(copied) == sorted(let_in), "what .dockerignore lets in is what is copied"
    assert all((ROOT / source).exists() for source in copied)


def _ignore() -> list[str]:
    return (ROOT / ".dockerignore").read_text("utf-8").split()


def test_nothing_else_is_sent_to_the_builder() -> None:
    assert _ignore()[0] == "*", "no .env, no keys, no history"
    assert _ignore()[-1] == "**/__pycache__"


def test_it_says_that_it_is_well_by_the_port_that_compose_opens() -> None:
    assert {int(only("EXPOSE"))} == open_ports(services()["grader"])
    check = only("HEALTHCHECK")
    assert f"http://127.0.0.1:{only('EXPOSE')}/readyz" in check
    assert json.loads(check.partition("CMD ")[2])[:2] == ["python", "-c"], "the image has no curl"


def test_a_check_that_cannot_be_answered_fails() -> None:
    check = json.loads(only("HEALTHCHECK").partition("CMD ")[2])
    closed = [part.replace(":8000/", ":9/") for part in check]
    assert subprocess.run([program("python"), *closed[1:]], capture_output=True, check=False).returncode != 0


def test_its_only_place_to_write_is_the_volume_of_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    from service.models.weights import default_path

    monkeypatch.setenv("HOME", "/home/grader")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    (held,) = mounts(services()["grader"], "volume")
    assert only("VOLUME") == held["target"] == str(default_path().parent)
    made = [i for i, step in enumerate(stages()[-1]) if step == Step("RUN", f"mkdir -p {held['target']}")]
    as_user = next(i for i, step in enumerate(stages()[-1]) if step.name == "USER")
    assert made, "an empty volume takes its owner from the folder in the image"
    assert made[0] > as_user
    assert [Path(tmpfs.partition(":")[0]) for tmpfs in services()["grader"]["tmpfs"]] == [Path("/tmp")]
