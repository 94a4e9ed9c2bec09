"""What the terminal is told: results on stdout, all else on stderr, and no text able to steer the terminal."""

from rich.console import Console
from rich.text import Text


def out() -> Console:
    """For what was asked for."""
    return Console(highlight=False)


def err() -> Console:
    """For what is said beside it."""
    return Console(stderr=True, highlight=False)


def shown(text: str, style: str = "") -> Text:
    """Text of any origin on one line: never read as markup, each control or invisible character made a space."""
    return Text("".join(character if character.isprintable() else " " for character in text), style)


def quoted(text: str) -> Text:
    """A candidate's words, in quotation marks and set apart."""
    return shown(f"“{' '.join(text.split())}”", "italic cyan")


def counted(number: int, noun: str) -> str:
    """`1 call`, `1,310 calls`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
