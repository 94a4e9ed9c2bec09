"""`grader eval run --prompt`: another prompt for one_call, by option or setting, never mixed with what ships."""

from pathlib import Path

import pytest

from evals.records import read_run
from tests.evals.made_runs import golden_file, golden_of
from tests.service.cli.command_line import ANSWER, VERDICTS, grader, judged
from tests.service.judges.test_own_prompt import SHORT

GOLDEN = golden_of("g1", "1.1", ANSWER, p1="met", p2="met", f1=False)


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    golden_file(tmp_path / "garden.jsonl", GOLDEN)
    (tmp_path / "stricter.md").write_text(SHORT, encoding="utf-8")
    return judged(tmp_path, VERDICTS)


@pytest.mark.parametrize("by_option", [True, False])
def test_answers_are_judged_by_it(tmp_path: Path, settings: dict[str, str], by_option: bool) -> None:
    words = ["--prompt", "stricter.md"] if by_option else []
    env = {} if by_option else {"GRADER_ONE_CALL_PROMPT": "stricter.md"}
    result = grader(tmp_path, "eval", "run", "garden.jsonl", "--out", "run", *words, **settings, **env)
    assert result.exit_code == 0, result.stderr
    run = read_run(tmp_path / "run")
    assert [prompt.partition("@")[0] for prompt in run.settings.prompts] == ["stricter"]
    assert run.records[0].grade
    assert {point.prompt for point in run.records[0].grade.points} == set(run.settings.prompts)


def test_a_run_by_one_prompt_is_not_resumed_by_another(tmp_path: Path, settings: dict[str, str]) -> None:
    assert grader(tmp_path, "eval", "run", "garden.jsonl", "--out", "run", **settings).exit_code == 0
    words = ["--out", "run", "--resume", "--prompt", "stricter.md"]
    result = grader(tmp_path, "eval", "run", "garden.jsonl", *words, **settings)
    assert result.exit_code == 2
    assert "prompts" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--prompt", "none.md"], "none.md: cannot be read"),
        (["--prompt", "broken.md"], "broken.md: has no section `## system`"),
        (["--prompt", "stricter.md", "--judge", "per_criterion"], "add --judge one_call"),
    ],
)
def test_one_that_cannot_be_used_is_named(
    tmp_path: Path, settings: dict[str, str], words: list[str], said: str
) -> None:
    (tmp_path / "broken.md").write_text("Check it.", encoding="utf-8")
    result = grader(tmp_path, "eval", "run", "garden.jsonl", "--out", "run", *words, **settings)
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr
