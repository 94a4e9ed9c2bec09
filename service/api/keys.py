"""API keys: a file of who may call, in which no key stands, only each key's sha256.

One JSON object a line: a key, or a revocation. Lines are only ever added, so two writers lose nothing, and a file that
is mounted on its own can be written.

    {"id": "3fa94c1e", "owner": "hiring", "sha256": "…", "created": "2026-11-26T12:00:00Z"}
    {"id": "3fa94c1e", "revoked": "2026-12-01T08:00:00Z"}
"""

import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, StringConstraints, TypeAdapter, ValidationError

from service.core.errors import BadFile
from service.core.frozen import Frozen

_PREFIX = "grader"  # so that those who look for leaked keys know one
_LOOK_AGAIN_SECONDS = 1.0
_log = logging.getLogger(__name__)

KeyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,32}$")]
Owner = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class ApiKey(Frozen):
    """Who may call. `sha256`: of the whole key, in hex. `revoked`: since when it is refused; None while it is good."""

    id: KeyId
    owner: Owner
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    created: AwareDatetime
    revoked: AwareDatetime | None = None


class Revocation(Frozen):
    """A later line of the file: this key is refused since then."""

    id: KeyId
    revoked: AwareDatetime


_LINE: TypeAdapter[ApiKey | Revocation] = TypeAdapter(ApiKey | Revocation)


class KeyRefused(Exception):
    """No key, a wrong one, or (`revoked`) one that is no longer good."""

    def __init__(self, message: str, *, given: bool = True, revoked: bool = False) -> None:
        super().__init__(message)
        self.given = given
        self.revoked = revoked


def new_key(owner: str, now: datetime, known: Mapping[str, ApiKey]) -> tuple[str, ApiKey]:
    """A random key, to be shown once, and what is kept of it. Raises ValueError for an owner that cannot be one."""
    key_id = next(name for name in iter(lambda: secrets.token_hex(4), None) if name not in known)
    key = f"{_PREFIX}_{key_id}_{secrets.token_urlsafe(32)}"
    return key, ApiKey(id=key_id, owner=owner, sha256=_sha256(key), created=now)


def read_keys(path: Path) -> dict[str, ApiKey]:
    """The keys by id, the revoked among them. Raises BadFile, which quotes no line: somebody may have put a key in."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        mend = "`grader keys create OWNER` makes one, GRADER_API_KEYS_FILE names it"
        raise BadFile(path, [(None, f"the file of API keys cannot be read: {why}; {mend}")]) from None
    keys: dict[str, ApiKey] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            _add(keys, _LINE.validate_json(line))
        except ValidationError:
            wanted = "neither an API key (id, owner, sha256, created) nor a revocation (id, revoked) as JSON"
            raise BadFile(path, [(number, f"{wanted}; mend it, or take it out")]) from None
        except ValueError as error:
            raise BadFile(path, [(number, str(error))]) from None
    return keys


def add_line(path: Path, line: ApiKey | Revocation) -> None:
    """Append in one write; a new file is for its owner's eyes only. Raises BadFile."""
    try:
        path.touch(mode=0o600)
        ended = path.read_bytes()[-1:] in (b"", b"\n")
        with path.open("ab", buffering=0) as file:
            file.write(b"\n" * (not ended) + line.model_dump_json(exclude_none=True).encode() + b"\n")
    except OSError as error:
        raise BadFile(
            path, [(None, f"cannot be written: {error.strerror}; check the path and its permissions")]
        ) from None


class Keyring:
    """Knows whose key is whose. Looks at its file again at most once a second, so that a revocation needs no restart.

    A file that became unreadable while the service runs changes nothing but the log: the keys read last hold.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises BadFile."""
        self._path = path
        self._clock = clock
        self._seen = _version(path)
        self._keys = read_keys(path)
        self._look_again = clock() + _LOOK_AGAIN_SECONDS

    def owner_of(self, key: str | None) -> str:
        """Whose key this is. Raises KeyRefused."""
        if key is None:
            raise KeyRefused("this service wants an API key: send Authorization: Bearer KEY", given=False)
        self._refresh()
        known = self._keys.get(key.split("_", 2)[1]) if key.count("_") >= 2 else None
        # Compared even where the id is unknown, and in constant time: how long it takes tells nothing of a key.
        right = hmac.compare_digest(_sha256(key), known.sha256 if known else "0" * 64)
        if not known or not right:
            raise KeyRefused("no such API key; check that all of it was sent, or ask for another")
        if known.revoked:
            raise KeyRefused(f"API key {known.id!r} was revoked; ask for another", revoked=True)
        return known.owner

    def _refresh(self) -> None:
        now = self._clock()
        if now < self._look_again:
            return
        self._look_again = now + _LOOK_AGAIN_SECONDS
        seen = _version(self._path)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._keys = read_keys(self._path)
        except BadFile as error:
            _log.error("the API keys read before stay in force: %s", error)


def _add(keys: dict[str, ApiKey], line: ApiKey | Revocation) -> None:
    if isinstance(line, Revocation):
        if line.id not in keys:
            raise ValueError(f"revokes {line.id!r}, of which no key stands above it; check the id")
        keys[line.id] = keys[line.id].model_copy(update={"revoked": line.revoked})
    elif line.id in keys:
        raise ValueError(f"a second key has the id {line.id!r}; give it another, or take one out")
    else:
        keys[line.id] = line


def _version(path: Path) -> tuple[int, int, int] | None:
    """What changes whenever the file does; None while there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino


def _sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
