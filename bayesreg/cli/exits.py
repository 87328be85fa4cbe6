"""How a command ends: 0 done, 1 failure, 2 usage, 3 a check failed, 130 interrupted.

What the user can put right is one line on stderr, never a traceback.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import click

from bayesreg.language.errors import BadArgument, BadData, NotConverged, NotSupported
from bayesreg.language.families import LIKELIHOODS, snake

FAILURE, USAGE, CHECK_FAILED, INTERRUPTED = 1, 2, 3, 130
_CALL = re.compile(r"\b(?:br\.)?(\w+)\(((?:[^()]|\([^()]*\))*)\)")


@contextmanager
def explained(*, debug: bool = False) -> Iterator[None]:
    """Turn exceptions into one line on stderr and an exit code.

    Parameters
    ----------
    debug : bool, default False
        Whether unexpected exceptions keep their traceback.
    """
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        _end("interrupted: nothing was written", INTERRUPTED)
    except BadArgument as error:
        _end(f"error: {in_options(str(error))}", USAGE)
    except (BadData, NotSupported, NotConverged) as error:
        _end(f"error: {in_options(str(error))}", FAILURE)
    except OSError as error:
        name = f"{error.filename!r}: " if error.filename else ""
        _end(f"error: {name}{error.strerror or error}", FAILURE)
    except MemoryError:
        _end(
            "error: not enough memory for these data; leave out columns with --drop, or rows",
            FAILURE,
        )
    except Exception as error:
        if debug:
            raise
        _end(
            f"error: unexpected {type(error).__name__}: {error}; this is a fault of bayesreg: run "
            "again with --debug and report what it prints",
            FAILURE,
        )


@contextmanager
def asked_of(option: str) -> Iterator[None]:
    """Say of which option an argument was, and its way of overwriting."""
    try:
        yield
    except BadArgument as error:
        said = str(error).replace("overwrite=True", "--overwrite")
        raise BadArgument(f"{option}: {said}") from None


def in_options(text: str) -> str:
    """Advice to users of Python in the words of the shell.

    Examples
    --------
    >>> in_options("pass trials=, or use br.StudentTNoise()")
    'pass --trials COL, or use --likelihood student_t_noise'
    >>> in_options("give it a number, LaplaceNoise(sigma=…)")
    "give it a number, --likelihood 'laplace_noise(sigma=…)'"
    """
    text = re.sub(r"\b(offset|exposure|trials|weights)=", r"--\1 COL", text)
    return _CALL.sub(_likelihood, text)


def _likelihood(call: re.Match[str]) -> str:
    """A likelihood as an option; labels, which data have taught it, are left out."""
    name, inside = call.groups()
    if name not in LIKELIHOODS:
        return call[0]
    if not inside or "classes=" in inside:
        return f"--likelihood {snake(name)}"
    return f"--likelihood '{snake(name)}({inside})'"


def _end(words: str, code: int) -> NoReturn:
    say(words)
    raise click.exceptions.Exit(code) from None


def say(text: str) -> None:
    """One line on stderr."""
    click.echo(printable(" ".join(text.split())), err=True)


def printable(text: str) -> str:
    r"""The text with nothing in it that a terminal would obey: controls and direction marks spelt.

    Examples
    --------
    >>> printable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
