"""What was read of a source: rows, files, passes, time, and what was left out."""

from __future__ import annotations

from dataclasses import dataclass, field

from bayesreg.language.text import shown


@dataclass(eq=False)
class Read:
    """A record of passes over a source, which every pass adds to.

    Attributes
    ----------
    label : str
        What was read.
    rows, files, passes : int
        Rows of one pass, those left out among them.
    workers : int
        Processes of a cluster that read them; 0 where this one did.
    seconds : float
        Of all passes.
    dropped : int
        Rows that were left out because a value is missing.
    missing : dict of str to int
        In how many of them by column; a row may lack several.
    learning : int
        Passes before these, in which a formula learnt levels and means.
    cells : int
        In how many cells the rows are, where these were summed instead.

    Examples
    --------
    >>> read = Read("sales/*.parquet", rows=1_000_000_000, files=812, passes=2, seconds=842.0)
    >>> read.dropped, read.missing = 12_345, {"area": 12_345}
    >>> print(read.words)
    sales/*.parquet: 1 000 000 000 rows, 812 files, 2 passes, 14 min; 12 345 rows left out (area
    missing)
    """

    label: str
    rows: int = 0
    files: int = 0
    passes: int = 0
    seconds: float = 0.0
    dropped: int = 0
    missing: dict[str, int] = field(default_factory=dict)
    workers: int = 0
    learning: int = 0
    cells: int = 0

    @property
    def words(self) -> str:
        """The record in a sentence."""
        return self._told(duration(self.seconds))

    @property
    def counted(self) -> str:
        """The same without the time, which is another in every run."""
        return self._told()

    def _told(self, *more: str) -> str:
        within = f" in {_counted(self.cells, 'cell')}" if self.cells else ""
        parts = [_counted(self.rows, "row") + within]
        parts += [_counted(self.files, "file")] if self.files else []
        parts += [_counted(self.passes + self.learning, "pass", "passes")]
        parts += [*([_counted(self.workers, "worker")] if self.workers else []), *more]
        said = f"{shown(self.label)}: {', '.join(parts)}"
        if not self.dropped:
            return said
        names = [shown(name) for name in self.missing]
        why = (
            f"{names[0]} missing"
            if len(names) == 1
            else ", ".join(
                f"{name} missing in {grouped(count)}"
                for name, count in zip(names, self.missing.values(), strict=True)
            )
        )
        return f"{said}; {_counted(self.dropped, 'row')} left out ({why})"


def grouped(count: int) -> str:
    """A count with its digits in threes."""
    return f"{count:,}".replace(",", " ")


def _counted(count: int, one: str, many: str | None = None) -> str:
    return f"{grouped(count)} {one if count == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """A time in the unit that suits it.

    Examples
    --------
    >>> duration(0.34), duration(75.0), duration(842.0), duration(9000.0)
    ('.34 s', '75 s', '14 min', '2.5 h')
    """
    if seconds < 1.0:
        return f"{seconds:.2f} s".removeprefix("0")
    if seconds < 100.0:
        return f"{seconds:.2g} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 6000.0 else f"{seconds / 3600.0:.2g} h"
