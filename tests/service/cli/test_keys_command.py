"""`grader keys`: a key is shown once, kept as a hash, listed without it, and revoked for good."""

import hashlib
import json
from pathlib import Path

import pytest

from service.api.keys import Keyring
from tests.service.cli.command_line import grader


def created(folder: Path, owner: str = "hiring") -> str:
    result = grader(folder, "keys", "create", owner, "--file", "keys.jsonl")
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def test_a_key_is_printed_once_alone_on_stdout_and_opens_the_door(tmp_path: Path) -> None:
    result = grader(tmp_path, "keys", "create", "hiring", GRADER_API_KEYS_FILE="keys.jsonl")
    key = result.stdout.removesuffix("\n")
    [kept] = [json.loads(line) for line in (tmp_path / "keys.jsonl").read_text().splitlines()]
    assert "cannot be shown again" in result.stderr
    assert key not in result.stderr
    assert kept["sha256"] == hashlib.sha256(key.encode()).hexdigest()
    assert Keyring(tmp_path / "keys.jsonl").owner_of(key) == "hiring"


def test_the_list_tells_who_and_when_but_no_key_and_no_hash(tmp_path: Path) -> None:
    keys = [created(tmp_path, owner) for owner in ("hiring", "school")]
    _, key_id, _ = keys[0].split("_", 2)
    assert grader(tmp_path, "keys", "revoke", key_id, "--file", "keys.jsonl").exit_code == 0
    listed = grader(tmp_path, "keys", "list", "--file", "keys.jsonl").stdout
    [first] = [line for line in listed.splitlines() if key_id in line]
    [second] = [line for line in listed.splitlines() if "school" in line]
    assert first.count(":") == 2  # created and revoked
    assert second.count(":") == 1
    text = (tmp_path / "keys.jsonl").read_text()
    for secret in (*keys, *(json.loads(line).get("sha256", "-" * 64) for line in text.splitlines())):
        assert secret not in listed


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["create", "a b", "--file", "keys.jsonl"], "OWNER 'a b': "),
        (["create", "hiring"], "no file of API keys is named; give --file, or set GRADER_API_KEYS_FILE"),
        (["list"], "no file of API keys is named"),
        (["list", "--file", "nowhere.jsonl"], "nowhere.jsonl: the file of API keys cannot be read"),
        (["create", "hiring", "--file", "nowhere/keys.jsonl"], "nowhere/keys.jsonl: cannot be written"),
        (["revoke", "abc", "--file", "keys.jsonl"], "no key with the id 'abc' in keys.jsonl; `grader keys list`"),
        (["create", "hiring", "--file", "broken.jsonl"], "broken.jsonl:1: neither an API key"),
        (["revoke", "abc", "--file", "broken.jsonl"], "broken.jsonl:1: neither an API key"),
    ],
)
def test_wrong_use_names_the_mend_and_changes_nothing(tmp_path: Path, words: list[str], told: str) -> None:
    created(tmp_path)
    (tmp_path / "broken.jsonl").write_text("oops\n")
    before = (tmp_path / "keys.jsonl").read_bytes()
    result = grader(tmp_path, "keys", *words)
    assert result.exit_code == 2
    assert result.stderr.startswith(told)
    assert (tmp_path / "keys.jsonl").read_bytes() == before
    assert (tmp_path / "broken.jsonl").read_text() == "oops\n"


def test_a_key_is_revoked_once(tmp_path: Path) -> None:
    _, key_id, _ = created(tmp_path).split("_", 2)
    first, second = (grader(tmp_path, "keys", "revoke", key_id, "--file", "keys.jsonl") for _ in range(2))
    assert (first.exit_code, second.exit_code) == (0, 2)
    assert f"Key {key_id} of hiring is revoked." in first.stderr
    assert "nothing is left to do" in second.stderr


@pytest.mark.parametrize("command", ["create", "list", "revoke"])
def test_help_shows_examples(tmp_path: Path, command: str) -> None:
    assert "grader keys " + command in grader(tmp_path, "keys", command, "--help").stdout
