import shutil
import subprocess
from pathlib import Path

import pytest

from tests.prometheus_tools import HOME, program


@pytest.mark.parametrize("name", ["promtool", "prometheus", "pushgateway"])
def test_each_program_is_there_and_runs(name: str) -> None:
    said = subprocess.run([program(name), "--version"], capture_output=True, text=True, check=True)
    assert "version" in said.stdout + said.stderr


def test_a_missing_program_names_the_command_that_brings_it() -> None:
    with pytest.raises(FileNotFoundError, match="run ops/install-prometheus"):
        program("no-such-program")


def test_nothing_is_fetched_where_the_programs_are_on_path(tmp_path: Path) -> None:
    for name in ("promtool", "prometheus", "pushgateway"):
        (tmp_path / name).symlink_to(program(name))
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    command = [HOME / "ops" / "install-prometheus", tmp_path / "venv"]
    subprocess.run(command, env=environment, check=True)
    assert not (tmp_path / "venv").exists()


def test_without_the_programs_and_without_apt_it_says_what_to_do(tmp_path: Path) -> None:
    for name in ("bash", "uname", "dirname"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    command = [tmp_path / "bash", HOME / "ops" / "install-prometheus", tmp_path / "venv"]
    said = subprocess.run(command, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert "no promtool, prometheus and pushgateway on PATH" in said.stderr
    assert "then run: " in said.stderr
