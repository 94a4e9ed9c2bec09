"""`grader keys create | list | revoke`: who may call the service."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.console import err, out, shown
from service.cli.failing import fail, plainly, read_settings

if TYPE_CHECKING:
    from service.api.keys import ApiKey

app = typer.Typer(help="API keys: who may call the service.", no_args_is_help=True, rich_markup_mode="rich")

_File = Annotated[
    Path | None, typer.Option("--file", help="File of API keys; else GRADER_API_KEYS_FILE.", show_default=False)
]


@app.command()
def create(
    owner: Annotated[str, typer.Argument(help="To whom verdicts belong: one owner's are never given to another.")],
    file: _File = None,
) -> None:
    """Make a key for OWNER and print it. It is shown this once: the file keeps only its sha256.

    A running service takes it within a second. Several keys may have one owner.

    \b
    Examples:
      grader keys create hiring --file keys.jsonl
      GRADER_API_KEYS_FILE=keys.jsonl grader keys create hiring
    """
    from service.api.keys import add_line, new_key

    path = _path(file)
    with plainly():
        known = _known(path) if path.exists() else {}
        try:
            key, kept = new_key(owner, datetime.now(UTC), known)
        except ValueError:
            fail(f"OWNER {owner!r}: 1 to 64 letters, digits, dots, dashes and underscores, the first no sign; mend it")
        add_line(path, kept)
    typer.echo(key)
    told = f"Key {kept.id} of {owner}, in {path}. Keep it now: it cannot be shown again."
    err().print(shown(told), soft_wrap=True)


@app.command("list")
def list_(file: _File = None) -> None:
    """The keys there are: id, owner, since when, revoked or not. No key can be told from it.

    \b
    Example:
      grader keys list --file keys.jsonl
    """
    from rich.table import Table

    with plainly():
        keys = _known(_path(file))
    table = Table("id", "owner", "created", "revoked")
    for key in keys.values():
        revoked = f"{key.revoked:%Y-%m-%d %H:%M}" if key.revoked else ""
        table.add_row(key.id, shown(key.owner), f"{key.created:%Y-%m-%d %H:%M}", revoked)
    out().print(table)


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id: `grader keys list` shows them.")],
    file: _File = None,
) -> None:
    """Refuse a key from now on. A running service knows within a second.

    \b
    Example:
      grader keys revoke 3fa94c1e --file keys.jsonl
    """
    from service.api.keys import Revocation, add_line

    path = _path(file)
    with plainly():
        known = _known(path).get(key_id)
        if not known:
            fail(f"no key with the id {key_id!r} in {path}; `grader keys list` shows those there are")
        if known.revoked:
            fail(f"key {key_id!r} was revoked on {known.revoked:%Y-%m-%d}; nothing is left to do")
        add_line(path, Revocation(id=key_id, revoked=datetime.now(UTC)))
    err().print(shown(f"Key {key_id} of {known.owner} is revoked."), soft_wrap=True)


def _known(path: Path) -> "dict[str, ApiKey]":
    from service.api.keys import read_keys

    return read_keys(path)


def _path(file: Path | None) -> Path:
    path = file or read_settings().api_keys_file
    if not path:
        fail("no file of API keys is named; give --file, or set GRADER_API_KEYS_FILE")
    return path
