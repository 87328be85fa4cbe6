"""The errors and the warning of bayesreg: every message says what happened and what to do."""

from __future__ import annotations


class BadData(ValueError):
    """The data cannot be used as they are; the message names the column or the row."""


class PerfectFit(BadData):
    """Zero residual variance where σ is unknown: no posterior exists; the message has the cure."""


class Separated(BadData):
    """Classes that the columns separate leave no posterior under this prior; the cure is named."""


class BadArgument(ValueError):
    """An argument has a value that means nothing here; the message names it and what is allowed."""


class UnknownArgument(BadArgument, TypeError):
    """An argument has a name that is not taken; the message names the one meant, where known."""


class NotSupported(TypeError):
    """The request is meaningful but this route cannot serve it; the message names one that can."""


class NotConverged(RuntimeError):
    """A fit without a valid certificate; the result it reached is kept in ``.result``.

    Parameters
    ----------
    message : str
        What failed, by how much, and what to change.
    result : object
        The uncertified result, so that nothing already computed is lost.
    """

    def __init__(self, message: str, result: object = None) -> None:
        Exception.__init__(self, message)
        self.result = result


class BayesregWarning(UserWarning):
    """Something the reader of the result must know; also stored in the result."""
