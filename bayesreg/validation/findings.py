"""Validation: what the three tests found, in words, a table and a plot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.arguments import Array
from bayesreg.language.text import html_table, plain
from bayesreg.validation.bands import band, pvalue
from bayesreg.validation.calibration import ENOUGH, Calibration

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.model.model import Model

_NAMED = 3  # of the quantities that strayed, as many are named in the sentence


@dataclass(frozen=True)
class Finding:
    """One p-value: `quantity` under `check`, what was seen, before and after correction."""

    check: str
    quantity: str
    p: float
    seen: str
    adjusted: float = 1.0


@dataclass(frozen=True, eq=False)
class Validation:
    """Whether an engine's draws are of the posterior that a model defines.

    Attributes
    ----------
    model : Model
        What was fitted.
    engine : str
        By which engine.
    findings : tuple of Finding
        One per check and quantity.
    ranks : dict of str to ndarray (simulations,)
        By quantity, the rank of the truth in (0, 1); empty where calibration was not asked for.
    failures : tuple of str
        What went wrong beside the p-values.
    notes : tuple of str
        How it was done, and what was left out and why.
    level : float
        False-alarm rate of the whole verdict.
    seed : int
        For the same verdict again.
    wall : float
        Seconds taken.
    """

    model: Model
    engine: str
    findings: tuple[Finding, ...]
    ranks: Mapping[str, Array]
    failures: tuple[str, ...]
    notes: tuple[str, ...]
    level: float
    seed: int
    wall: float

    @property
    def ok(self) -> bool:
        """No p-value below `level` after correction over the whole family, and no failure."""
        return not self.failures and not self._strayed

    @property
    def p(self) -> float:
        """The smallest p-value after Holm's correction over all findings."""
        return min((f.adjusted for f in self.findings), default=1.0)

    @property
    def _strayed(self) -> list[Finding]:
        """Findings below the level, worst first."""
        return sorted((f for f in self.findings if f.adjusted < self.level), key=lambda f: f.p)

    @property
    def why(self) -> str:
        """The verdict in words."""
        count = len(self.findings)
        if self.ok:
            return (
                f"nothing strays: of {count} p-values the smallest is {self.p:.2g} after "
                f"correction, and a correct engine stays above {self.level:g} in all but "
                f"{self.level:g} of such runs"
            )
        said = [f"{f.check}, {f.quantity}: {f.seen}" for f in self._strayed[:_NAMED]]
        if len(self._strayed) > _NAMED:
            said.append(f"and {len(self._strayed) - _NAMED} more")
        if self._strayed:
            said.append(f"smallest p-value {self.p:.2g} after correction over {count}")
        return "; ".join([*said, *self.failures])

    @property
    def table(self) -> pd.DataFrame:
        """One row per check and quantity: p, p after correction, ok, and what was seen."""
        import pandas as pd

        rows = [(f.check, f.quantity, f.p, f.adjusted, f.seen) for f in self.findings]
        frame = pd.DataFrame(rows, columns=["check", "quantity", "p", "p_adjusted", "seen"])
        frame.insert(4, "ok", frame["p_adjusted"] >= self.level)
        return frame.set_index(["check", "quantity"])

    def band(self, coverage: float) -> tuple[Array, Array, Array]:
        """Points, lower and upper ECDF of a simultaneous band for the ranks of one quantity."""
        return band(len(next(iter(self.ranks.values()))), coverage)

    def plot(self, ax: Any = None) -> Any:
        """Draw rank plots: ECDF minus the diagonal by quantity, with simultaneous bands.

        Parameters
        ----------
        ax : array of matplotlib.axes.Axes, optional
            One per quantity; by default those of a new figure of pyplot's.

        Returns
        -------
        ndarray of matplotlib.axes.Axes
        """
        from bayesreg.plots import plot_calibration

        return plot_calibration(self, ax)

    def __repr__(self) -> str:
        """Verdict, reason, how, and table."""
        verdict = "validated" if self.ok else "NOT VALIDATED"
        prior, likelihood = self.model.prior, self.model.likelihood
        lines = [
            f"{verdict}: engine {self.engine!r} on {prior!r}, {likelihood!r}",
            f"  {self.why}",
            *(f"  {note}" for note in self.notes),
            plain(self.table.round(4)).to_string(max_rows=40),
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        """Verdict, table and rank plots."""
        from html import escape

        verdict = "validated" if self.ok else "NOT VALIDATED"
        head = f"<p><b>{verdict}</b>: engine {escape(repr(self.engine))} on "
        head += f"{escape(repr(self.model))}<br>{escape(self.why)}</p>"
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        figure = ""
        if self.ranks:
            from bayesreg.plots.canvas import style, svg

            with style():
                figure = svg(self.plot()[0].figure)
        return f"<div>{head}<ul>{notes}</ul>{html_table(self.table)}{figure}</div>"


def calibrated(found: Calibration) -> tuple[list[Finding], list[str]]:
    """Findings of the ranks, and what else is wrong."""
    findings = [
        Finding("calibration", name, pvalue(u), _shape(u)) for name, u in found.ranks.items()
    ]
    failures = []
    if found.failures:
        total = len(found.failures) + len(found.effective)
        failures.append(
            f"calibration: the engine failed in {len(found.failures)} of {total} simulations "
            f"({found.failures[0]})"
        )
    short = int(np.sum(found.effective < ENOUGH))
    if short > 0.1 * len(found.effective):
        failures.append(
            f"calibration: fewer than {ENOUGH} effective draws in {short} of "
            f"{len(found.effective)} simulations, so ranks mean little: raise draws="
        )
    return findings, failures


def corrected(findings: list[Finding]) -> tuple[Finding, ...]:
    """Holm's correction over the whole family (1979, Scandinavian Journal of Statistics 6)."""
    order = np.argsort([f.p for f in findings], kind="stable")
    adjusted, running = np.empty(len(findings)), 0.0
    for place, k in enumerate(order):
        running = max(running, min((len(findings) - place) * findings[k].p, 1.0))
        adjusted[k] = running
    return tuple(
        Finding(f.check, f.quantity, f.p, f.seen, float(a))
        for f, a in zip(findings, adjusted, strict=True)
    )


def _shape(u: Array) -> str:
    """How ranks differ from uniform ones, by whichever of shift and spread is clearer."""
    shift = (u.mean() - 0.5) * np.sqrt(12.0 * len(u))
    spread = (np.mean((u - 0.5) ** 2) - 1.0 / 12.0) * np.sqrt(180.0 * len(u))
    if max(abs(shift), abs(spread)) < 2.0:
        return "ranks look uniform"
    if abs(shift) > abs(spread):
        return (
            f"draws tend to be too {'small' if shift > 0 else 'large'} (mean rank {u.mean():.2f})"
        )
    return f"draws tend to be too {'narrow' if spread > 0 else 'wide'}"
