"""When Python looks for garbage: seldom, once a process has loaded what it needs."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_NEW_OBJECTS = 20_000
"""More than were let go of, before the young are looked through: Python's own 700 are used up by every grade."""
_OLDER = 10  # rounds of the younger before one of the older, as Python has it


@contextmanager
def seldom_collected() -> Iterator[None]:
    """What is loaded by now stays for good and is looked through no more, and what comes after it more seldom.

    For the whole process: at its end all is as before, but that collecting is on.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, _OLDER, _OLDER)
    gc.enable()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
