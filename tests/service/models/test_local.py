"""The real model with the real weights, inside this process."""

import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from service.bootstrap import WORDINGS
from service.catalog import read_json, read_prompts
from service.core.answer import Answer
from service.core.calibration import Calibration
from service.core.errors import AnswerTooLong, JudgeTimedOut, JudgeUnavailable
from service.core.prompt import Prompt
from service.core.rubric import Point
from service.judges import Case
from service.judges.per_criterion import PerCriterion
from service.models.local import LocalModel

ANSWER = Answer.of(
    "We lost money on every order. I cut the packaging cost by 40 percent. Now each order earns two euros."
)


def address_of(model: LocalModel) -> str:
    assert model._loaded
    return str(model._loaded[0].listening_address)


def listening_ports() -> set[int]:
    """TCP ports on which this process listens."""
    ours = set()
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            ours.add(str(entry.readlink()).removeprefix("socket:[").removesuffix("]"))
    rows = [
        line.split() for table in ("tcp", "tcp6") for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    return {int(row[1].rsplit(":", 1)[1], 16) for row in rows if row[3] == "0A" and row[9] in ours}


def asking(question: str, odds: int = 20) -> Prompt:
    return Prompt(system="You answer with one word.", user=question, most_tokens=1, odds=odds)


@pytest.mark.asyncio(loop_scope="session")
async def test_it_tells_the_odds_of_its_first_token(local_model: LocalModel) -> None:
    reply = await local_model.complete(asking("Is fire hot? Yes or No"), 60)
    odds = reply.first_token_odds
    assert odds is not None
    assert odds["Yes"] > odds["No"] > 0
    assert sum(odds.values()) <= 1.0001
    assert (reply.output_tokens, reply.cost_usd) == (1, 0.0)


@pytest.mark.asyncio(loop_scope="session")
async def test_a_shared_prefix_is_read_once(local_model: LocalModel) -> None:
    story = "Once there was a fox who lived near a river and counted the boats. " * 20
    first = await local_model.complete(asking(story + "Was there a fox? Yes or No"), 60)
    second = await local_model.complete(asking(story + "Was there a bear? Yes or No"), 60)
    assert first.input_tokens > 200
    assert second.input_tokens - second.cached_tokens < 20


@pytest.mark.asyncio(loop_scope="session")
async def test_it_carries_on_a_reply_that_was_begun(local_model: LocalModel) -> None:
    prompt = Prompt(system="You count.", user="Count from one to four.", start="one, two, three,", most_tokens=3)
    reply = await local_model.complete(prompt, 60)
    assert "four" in reply.text
    assert "three" not in reply.text


@pytest.mark.asyncio(loop_scope="session")
async def test_it_keeps_to_a_schema(local_model: LocalModel) -> None:
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "blue"]}},
        "required": ["colour"],
        "additionalProperties": False,
    }
    prompt = Prompt(system="You reply in JSON.", user="What colour is the sea?", most_tokens=30, schema=schema)
    reply = await local_model.complete(prompt, 60)
    assert "".join(reply.text.split()) == '{"colour":"blue"}'


@pytest.mark.asyncio(loop_scope="session")
async def test_a_prompt_over_its_limit_is_refused_and_the_limit_named(local_model: LocalModel) -> None:
    with pytest.raises(AnswerTooLong, match="reads at most 8192"):
        await local_model.complete(asking("word " * 9000), 60)


@pytest.mark.asyncio(loop_scope="session")
async def test_past_its_time_the_caller_is_told_and_the_next_call_works(local_model: LocalModel) -> None:
    with pytest.raises(JudgeTimedOut, match="longer than"):
        await local_model.complete(asking("A new and rather long story about a fox. " * 20), 0.001)
    assert (await local_model.complete(asking("Is water wet? Yes or No"), 60)).output_tokens == 1


@pytest.mark.asyncio(loop_scope="session")
async def test_a_real_answer_is_judged_by_the_shipped_prompts_and_calibration(local_model: LocalModel) -> None:
    prompts = read_prompts()
    templates = {kind: prompts[name] for kind, name in WORDINGS[0].prompts.items()}
    judge = PerCriterion(local_model, templates, read_json(WORDINGS[0].calibration, Calibration))
    case = Case("Tell me how you made a product profitable.", ANSWER, "0123456789abcdef", lambda: 120.0)
    criteria = (
        Point(id="p1", text="Says what the candidate did to cut a cost"),
        Point(id="p2", text="Names the law that the product had to comply with"),
    )
    there, absent = [judgement.verdict async for judgement in judge.assess(case, criteria)]
    assert (there.level != "missed", absent.level) == (True, "missed")
    assert (there.probability or 0) > (absent.probability or 0)
    assert there.sentences
    assert set(there.sentences) <= {1, 2, 3}
    assert there.model == local_model.name


@pytest.mark.asyncio(loop_scope="session")
async def test_no_port_is_open_and_its_socket_is_ours_alone(local_model: LocalModel, weights: Path) -> None:
    address = address_of(local_model)
    assert address.startswith("unix://")
    assert stat.S_IMODE(Path(address.removeprefix("unix://")).parent.stat().st_mode) == 0o700
    assert not listening_ports()


@pytest.mark.asyncio(loop_scope="session")
async def test_nothing_of_its_door_is_left_behind(weights: Path) -> None:
    model = LocalModel(weights)
    await model.warm()
    folder = Path(address_of(model).removeprefix("unix://")).parent
    assert folder.is_dir()
    await model.close()
    assert not folder.exists()


def test_another_process_is_refused(local_model: LocalModel) -> None:
    path = address_of(local_model).removeprefix("unix://")
    script = (
        "import sys, httpx\n"
        "client = httpx.Client(transport=httpx.HTTPTransport(uds=sys.argv[1]), base_url='http://llama')\n"
        "body = {'messages': [{'role': 'user', 'content': 'hi'}], 'max_tokens': 1}\n"
        "for key in ('', 'Bearer', 'Bearer no-key-required', 'Bearer none'):\n"
        "    print(client.post('/v1/chat/completions', json=body, headers={'Authorization': key}).status_code)\n"
    )
    run = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["401"] * 4


@pytest.mark.asyncio(loop_scope="session")
async def test_a_file_that_is_no_model_says_so(tmp_path: Path) -> None:
    wrong = tmp_path / "model.gguf"
    wrong.write_bytes(b"not a model")
    with pytest.raises(JudgeUnavailable, match=r"model\.gguf"):
        await LocalModel(wrong).warm()
    with pytest.raises(JudgeUnavailable, match="grader models fetch"):
        await LocalModel(tmp_path / "missing.gguf").warm()


def test_closed_as_soon_as_it_is_warm_it_ends(weights: Path) -> None:
    script = (
        "import asyncio, pathlib, sys\n"
        "from service.models.local import LocalModel\n"
        "async def main():\n"
        "    model = LocalModel(pathlib.Path(sys.argv[1]))\n"
        "    await model.warm()\n"
        "    await model.close()\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", script, str(weights)], check=False, timeout=120)
    assert ended.returncode == 0
