"""What is said while something takes long: on stderr, or where the shell listens."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_listeners: list[Callable[[str], None]] = []


def aloud(text: str) -> None:
    """One line, at once."""
    if _listeners:
        _listeners[-1](text)
    elif sys.stderr is not None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - to be seen while it lasts


@contextmanager
def heard_by(listener: Callable[[str], None]) -> Iterator[None]:
    """Give what is said to a listener instead."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
