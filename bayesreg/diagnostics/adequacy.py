"""Adequacy: whether a model describes its data, beside whether it was computed correctly.

Each finding says what was looked at, what was seen and what to do. A test alone would call any
departure of a large data set: a finding needs one that is also large enough to change an answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.diagnostics import findings
from bayesreg.diagnostics.dispersion import Dispersion
from bayesreg.diagnostics.findings import Finding
from bayesreg.diagnostics.residuals import Residuals
from bayesreg.language.text import html_table

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.engines.draws import Draws

LEAST_DRAWS = 100


@dataclass(frozen=True, eq=False)
class Adequacy:
    r"""Whether the model describes the data: findings with what was seen and what to do.

    Attributes
    ----------
    findings : tuple of Finding
        In the order in which they matter.
    residuals : Residuals or None
        What they were found in, for figures; None where nothing could be judged.

    References
    ----------
    Gelman et al. (2020), "Bayesian workflow", https://arxiv.org/abs/2011.01808, §6; Gabry, Simpson,
    Vehtari, Betancourt & Gelman (2019), "Visualization in Bayesian workflow", JRSS A 182(2).

    Examples
    --------
    >>> import bayesreg as br, numpy as np
    >>> x = np.linspace(0.0, 1.0, 60)
    >>> bent = np.exp(3.0 * x) + np.random.default_rng(0).normal(size=60)
    >>> post = br.sample(br.Model().condition(x[:, None], bent), seed=1)
    >>> [found.key for found in post.adequacy.failures]
    ['curvature']
    """

    findings: tuple[Finding, ...]
    residuals: Residuals | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.failures

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings against the model."""
        return tuple(one for one in self.findings if one.ok is False)

    @property
    def why(self) -> str:
        """What was seen against the model; or that nothing was, of which questions."""
        if self.failures:
            return "; ".join(one.seen for one in self.failures)
        asked = [one.key for one in self.findings if one.ok]
        return f"nothing was found against it ({', '.join(asked)})" if asked else "not judged"

    @property
    def table(self) -> pd.DataFrame:
        """One row per finding: question, ok, what was seen, what to do."""
        import pandas as pd

        rows = [(f.question, f.ok, f.seen, f.advice) for f in self.findings]
        index = pd.Index([f.key for f in self.findings], name="finding")
        return pd.DataFrame(rows, index=index, columns=["question", "ok", "seen", "advice"])

    def __repr__(self) -> str:
        """Verdict, then a line per finding."""
        head = "nothing was found against the model" if self.ok else "THE MODEL MISSES SOMETHING"
        lines = [head if any(f.ok is not None for f in self.findings) else "not judged"]
        marks = {True: "✓", False: "✗", None: "–"}
        for one in self.findings:
            lines.append(f"  {marks[one.ok]} {one.question} {one.seen}")
            lines += [f"      {one.advice}"] if one.ok is False and one.advice else []
        return "\n".join(lines)

    def plot(self, ax: Any = None) -> Any:
        """Draw what was looked at: predictions, spread, shape, calibration, strong columns."""
        from bayesreg.plots import plot_adequacy

        return plot_adequacy(self, ax)

    def _repr_html_(self) -> str:
        """The table, escaped."""
        return html_table(self.table)


def adequacy(draws: Draws) -> Adequacy:
    """Ask a posterior on rows whether its model describes them.

    Parameters
    ----------
    draws : Draws
        Conditioned on rows; from any engine.

    Returns
    -------
    Adequacy
        At most 20 000 rows are judged, chosen at random.

    Raises
    ------
    NotSupported
        If the problem was conditioned on Moments, which have no rows.
    """
    if draws.sigma.size < LEAST_DRAWS or not np.all(np.isfinite(draws.beta)):
        few = f"fewer than {LEAST_DRAWS} draws, or some that are not finite"
        return Adequacy((Finding("draws", "Are there draws to judge by?", None, few),))
    found = Residuals.of(draws)
    return Adequacy((*_asked(draws, found), findings.prior(draws)), found)


def _asked(draws: Draws, found: Residuals) -> list[Finding]:
    """The questions that mean something of such a response, in the order in which they matter."""
    likelihood = found.likelihood
    curved = findings.curvature(found)
    if likelihood.takes_labels:
        return [curved, findings.shares(found), findings.rows(found)]
    if likelihood.discrete:
        seen = Dispersion.of(draws, found)
        parts = [curved, findings.dispersion(found, seen)]
        parts += (
            [findings.shares(found)] if likelihood.takes_trials else [findings.zeros(found, seen)]
        )
        return [*parts, findings.calibration(found), findings.rows(found)]
    parts = [findings.give_away(found, curved), curved, findings.spread(found)]
    parts += [findings.shape(found), findings.calibration(found), findings.rows(found)]
    return [*parts, findings.response(found)]
