"""What goes to stderr beside errors: notes, progress, and signs of life where that takes long."""

from __future__ import annotations

import os
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any, TextIO

from bayesreg.cli.exits import say
from bayesreg.language.aloud import heard_by
from bayesreg.language.errors import BayesregWarning

_SILENCE = 5.0  # seconds without a word after which a pipe is told that work goes on


class Log:
    """Notes always, progress on a terminal and after a silence elsewhere, nothing when quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.said: list[str] = []
        self.doing = "working ..."

    def note(self, text: str) -> None:
        """Something that the reader of the result must know; once."""
        if text not in self.said:
            self.said.append(text)
            if not self.quiet:
                say(f"note: {text}")

    def progress(self, text: str) -> None:
        """What is being done."""
        self.doing = text
        if not self.quiet and sys.stderr.isatty():
            say(text)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the warnings of bayesreg as notes; keep engines silent where nobody watches."""

        def take(message: Any, category: Any, *rest: Any, **more: Any) -> None:
            if issubclass(category, BayesregWarning):
                heard.append(str(message))
            else:
                passed(message, category, *rest, **more)

        heard: list[str] = []
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always", BayesregWarning)
                passed, warnings.showwarning = warnings.showwarning, take
                with ExitStack() as stack:
                    stack.enter_context(heard_by(_teller(sys.stderr, quiet=self.quiet)))
                    stack.enter_context(self.alive())
                    if self.quiet or not sys.stderr.isatty():
                        sink = stack.enter_context(Path(os.devnull).open("w"))
                        stack.enter_context(redirect_stderr(sink))
                    # A progress bar of another library may write to stdout, which is for results.
                    stack.enter_context(redirect_stdout(sys.stderr))
                    yield
        finally:
            for text in heard:
                self.note(text)

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Say every few seconds what is being done, to a pipe or file that is really stderr."""
        stream: TextIO | None = sys.stderr
        ours = bool(stream is sys.__stderr__)
        if self.quiet or stream is None or not ours or stream.isatty():
            yield
            return
        done, begun, tell = threading.Event(), time.monotonic(), _teller(stream, quiet=False)

        def speak() -> None:
            while not done.wait(_SILENCE):
                tell(f"{self.doing.removesuffix(' ...')} ... {time.monotonic() - begun:.0f} s")

        threading.Thread(target=speak, name="alive", daemon=True).start()
        try:
            yield
        finally:
            done.set()


def _teller(stream: TextIO, *, quiet: bool) -> Callable[[str], None]:
    """Who says a line on this stream, whatever sys.stderr becomes meanwhile."""

    def tell(text: str) -> None:
        if not quiet:
            with suppress(BrokenPipeError, ValueError):  # nobody reads, or it is closed
                print(text, file=stream, flush=True)

    return tell
