"""What goes to stderr beside errors: notes, and progress where somebody watches."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from bayesreg.cli.exits import say
from bayesreg.language.errors import BayesregWarning


class Log:
    """Notes always, progress on a terminal only, nothing when quiet."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self.said: list[str] = []

    def note(self, text: str) -> None:
        """Something that the reader of the result must know; once."""
        if text not in self.said:
            self.said.append(text)
            if not self.quiet:
                say(f"note: {text}")

    def progress(self, text: str) -> None:
        """What is being done."""
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
                    if self.quiet or not sys.stderr.isatty():
                        sink = stack.enter_context(Path(os.devnull).open("w"))
                        stack.enter_context(redirect_stderr(sink))
                    # A progress bar of another library may write to stdout, which is for results.
                    stack.enter_context(redirect_stdout(sys.stderr))
                    yield
        finally:
            for text in heard:
                self.note(text)
