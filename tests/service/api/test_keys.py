"""The file of API keys: what is read from it, what is added, and when a running service notices."""

import hashlib
import json
import logging
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.api.keys import ApiKey, KeyRefused, Keyring, Revocation, add_line, new_key, read_keys
from service.core.errors import BadFile

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LINE = {"id": "a1", "owner": "hiring", "sha256": "0" * 64, "created": "2026-11-26T12:00:00Z"}
REVOKED = {"id": "a1", "revoked": "2026-12-01T12:00:00Z"}


def written(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def made(path: Path, owner: str = "hiring") -> tuple[str, ApiKey]:
    """A new key in the file."""
    known = read_keys(path) if path.exists() else {}
    key, kept = new_key(owner, NOW, known)
    add_line(path, kept)
    return key, kept


def test_the_file_holds_no_key_but_its_sha256_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.jsonl"
    key, kept = made(path)
    text = path.read_text()
    assert key not in text
    assert key.split("_", 2)[2] not in text
    assert json.loads(text)["sha256"] == hashlib.sha256(key.encode()).hexdigest()
    assert (kept.owner, kept.created, kept.revoked) == ("hiring", NOW, None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_keys(path) == {kept.id: kept}


def test_keys_are_random_and_their_ids_are_not_given_twice(tmp_path: Path) -> None:
    keys = [made(tmp_path / "keys.jsonl")[0] for _ in range(20)]
    assert len({key.split("_", 2)[1] for key in keys}) == len({key.split("_", 2)[2] for key in keys}) == 20
    assert all(len(key.split("_", 2)[2]) >= 43 for key in keys)  # 32 bytes in base64


@pytest.mark.parametrize("owner", ["", "a b", "-a", "é", "x" * 65, "a/b"])
def test_an_owner_that_could_not_be_told_is_refused(owner: str) -> None:
    with pytest.raises(ValueError, match="owner"):
        new_key(owner, NOW, {})


def test_a_later_line_revokes_and_blank_lines_are_passed_over(tmp_path: Path) -> None:
    [key] = read_keys(written(tmp_path / "k", LINE, "", REVOKED)).values()
    assert key.revoked == datetime(2026, 12, 1, 12, tzinfo=UTC)
    [key] = read_keys(written(tmp_path / "k", {**LINE, "revoked": "2026-12-01T12:00:00Z"})).values()
    assert key.revoked


def test_a_line_is_added_after_one_that_a_hand_left_without_its_end(tmp_path: Path) -> None:
    path = tmp_path / "k"
    path.write_text(json.dumps(LINE))
    add_line(path, Revocation(id="a1", revoked=NOW))
    assert read_keys(path)["a1"].revoked == NOW


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("my-password", "neither an API key"),
        ("[]", "neither an API key"),
        ({**LINE, "id": "b1", "sha256": "abc"}, "neither an API key"),
        ({**LINE, "id": "b1", "created": "2026-11-26T12:00:00"}, "neither an API key"),
        ({**LINE, "id": "b_1"}, "neither an API key"),
        ({**LINE, "id": "b1", "key": "secret"}, "neither an API key"),
        ({key: value for key, value in LINE.items() if key != "owner"}, "neither an API key"),
        (LINE, "a second key has the id 'a1'"),
        ({**REVOKED, "id": "b1"}, "revokes 'b1', of which no key stands above it"),
    ],
)
def test_a_line_that_cannot_be_meant_is_named_by_its_number_and_not_quoted(
    tmp_path: Path, line: object, told: str
) -> None:
    path = written(tmp_path / "keys.jsonl", LINE, line)
    with pytest.raises(BadFile) as caught:
        read_keys(path)
    assert str(caught.value).startswith(f"{path}:2: {told}")
    for secret in ("my-password", "secret"):
        assert secret not in str(caught.value).removeprefix(str(path))


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_says_how_to_make_one(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "keys.jsonl"
    if content:
        path.write_bytes(content)
    with pytest.raises(BadFile, match="grader keys create"):
        Keyring(path)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be written"):
        add_line(tmp_path / "nowhere" / "keys.jsonl", Revocation(id="a1", revoked=NOW))


class TestKeyring:
    def test_tells_whose_a_key_is(self, tmp_path: Path) -> None:
        path = tmp_path / "k"
        ours, theirs = made(path, "ours")[0], made(path, "theirs")[0]
        ring = Keyring(path)
        assert (ring.owner_of(ours), ring.owner_of(theirs)) == ("ours", "theirs")

    def test_a_key_of_the_operators_own_making_does_as_well(self, tmp_path: Path) -> None:
        key = "mine_a1_0123456789abcdef0123456789abcdef"
        path = written(tmp_path / "k", {**LINE, "sha256": hashlib.sha256(key.encode()).hexdigest()})
        assert Keyring(path).owner_of(key) == "hiring"

    def test_every_other_key_is_refused_and_is_not_repeated(self, tmp_path: Path) -> None:
        path = tmp_path / "k"
        key, kept = made(path)
        other, _ = made(path)
        _, key_id, secret = key.split("_", 2)
        wrong = ["", "x", key[:-1], key + "x", key.upper(), secret, f"grader_{key_id}_", f"grader_{key_id}"]
        wrong += [kept.sha256, f"grader_{key_id}_{other.split('_', 2)[2]}", f"grader_00000000_{secret}", "é_é_é"]
        for sent in wrong:
            with pytest.raises(KeyRefused) as refused:
                Keyring(path).owner_of(sent)
            assert (refused.value.given, refused.value.revoked) == (True, False)
            assert secret not in str(refused.value)
        with pytest.raises(KeyRefused) as refused:
            Keyring(path).owner_of(None)
        assert not refused.value.given

    def test_only_who_has_the_key_is_told_that_it_was_revoked(self, tmp_path: Path) -> None:
        path = tmp_path / "k"
        key, kept = made(path)
        add_line(path, Revocation(id=kept.id, revoked=NOW))
        with pytest.raises(KeyRefused, match="was revoked") as refused:
            Keyring(path).owner_of(key)
        assert refused.value.revoked
        with pytest.raises(KeyRefused) as refused:
            Keyring(path).owner_of(key + "x")
        assert not refused.value.revoked

    def test_looks_again_at_most_once_a_second_and_then_knows_the_change(self, tmp_path: Path) -> None:
        now = 0.0
        path = tmp_path / "k"
        key, kept = made(path)
        ring = Keyring(path, lambda: now)
        add_line(path, Revocation(id=kept.id, revoked=NOW))
        newer, _ = made(path, "newer")
        now = 0.9
        assert ring.owner_of(key) == "hiring"
        now = 1.0
        with pytest.raises(KeyRefused):
            ring.owner_of(key)
        assert ring.owner_of(newer) == "newer"

    @pytest.mark.parametrize("harm", ["broken", "gone"])
    def test_a_file_that_breaks_while_the_service_runs_is_told_once_and_the_keys_hold(
        self, tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        now = 0.0
        path = tmp_path / "k"
        key, kept = made(path)
        ring = Keyring(path, lambda: now)
        whole = path.read_text()
        if harm == "gone":
            path.unlink()
        else:
            path.write_text("oops\n")
        with caplog.at_level(logging.ERROR):
            for now in (1.0, 2.0, 3.0):  # noqa: B007 - the keyring's clock
                assert ring.owner_of(key) == "hiring"
        [record] = caplog.records
        assert str(path) in record.getMessage()
        path.write_text(whole + Revocation(id=kept.id, revoked=NOW).model_dump_json() + "\n")
        os.utime(path)
        now = 4.0
        with pytest.raises(KeyRefused):
            ring.owner_of(key)
