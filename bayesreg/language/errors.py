"""The errors and the warning of bayesreg: every message says what happened and what to do."""

from __future__ import annotations


class BadData(ValueError):
    """The data cannot be used as they are; the message names the column or the row."""


class BadCell(BadData):
    """A value by row is none that there can be: ``y[4] is -2, and ...``.

    Parameters
    ----------
    what : str
        What has the value: ``"y"``.
    row : int
        Its place among the rows.
    why : str
        What the value is, from the verb on.
    called : object, optional
        What the row is called; its place unless said.
    """

    def __init__(self, what: str, row: int, why: str, called: object = None) -> None:
        super().__init__(what, row, why, called)  # so that it can be pickled
        self.what, self.row, self.why = what, row, why
        self.called = row if called is None else called

    def __str__(self) -> str:
        return f"{self.what}[{self.called!r}] {self.why}"

    def at(self, place: str) -> BadData:
        """The same where rows have another name, such as ``line 6`` of a file."""
        return BadData(f"{self.what} on {place} {self.why}")

    def found(self, place: str) -> BadData:
        """The same where rows are found somewhere, such as ``row 6 of a.parquet``."""
        return BadData(f"{self.what} in {place} {self.why}")


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
