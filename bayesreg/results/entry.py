"""Entry: everything computed under one prior of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.language.text import html_lines, visible
from bayesreg.model.model import Model
from bayesreg.model.problem import Problem
from bayesreg.priors.base import in_brief
from bayesreg.results.closed_form import ClosedForm
from bayesreg.results.lam import LamPosterior
from bayesreg.results.map_fit import MapFit
from bayesreg.results.posterior import Posterior
from bayesreg.results.profile import Profile, profiles
from bayesreg.results.same_lam import SameLam
from bayesreg.results.scores import Scores
from bayesreg.results.significance import Significance

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.diagnostics import Agreement
    from bayesreg.diagnostics.adequacy import Adequacy


@dataclass(frozen=True, eq=False)
class Entry:
    """Everything computed under one prior.

    Attributes
    ----------
    name : str
        The name given to the prior.
    problem : Problem
        The model conditioned on the data.
    fit : MapFit or None
        The penalised optimum; None where there is none, and `why_no_map` says why.
    closed : ClosedForm or None
        The closed form given the MAP's hyperparameters, where there is one.
    post : Posterior
        The fastest exact engine's draws.
    loo : object or None
        Leave-one-out predictive density; None without rows.
    nuts, agreement : Posterior or None, Agreement or None
        PyMC's draws of the same posterior and the verdict, when verified.
    same_lam : SameLam or None
        The MAP at the posterior's own λ beside the posterior; None where there is no MAP, or no λ.
    """

    name: str
    problem: Problem
    fit: MapFit | None
    why_no_map: str | None
    closed: ClosedForm | None
    post: Posterior
    loo: Any = None
    nuts: Posterior | None = None
    agreement: Agreement | None = None
    same_lam: SameLam | None = None

    def __repr__(self) -> str:
        """One line for each thing that was computed, and the fields that have it."""
        lines = [
            f"{visible(self.name)}: {in_brief(self.problem.prior)}, {self.problem.likelihood!r}",
            f"  .fit     {self._optimum()}",
            f"  .closed  {self._in_closed_form()}",
            f"  .post    {self._sampled()}",
            f"  .loo     {self._predicted()}",
            f"  .nuts    {'not asked for' if self.agreement is None else self.agreement.why}",
            "  also     .problem, .model, .lam, .same_lam, .scores, .significance, .profiles",
        ]
        return "\n".join(one if len(one) < 160 else one[:159] + "…" for one in lines)

    def _repr_html_(self) -> str:
        """The same, as escaped HTML for notebooks."""
        return html_lines(*repr(self).split("\n"))

    def _optimum(self) -> str:
        if self.fit is None:
            return f"none: {self.why_no_map}"
        zeros = f"{int(np.sum(self.fit.b == 0.0))} of {len(self.fit.b)} coefficients are 0"
        held = "certified" if self.fit.certificate.ok else "NOT certified"
        return f"MAP by {self.fit.solver}, {held}; {zeros}"

    def _in_closed_form(self) -> str:
        if self.closed is None:
            return "none: no conjugate posterior under this prior"
        return f"posterior at the MAP's scale, log evidence {self.closed.log_evidence:.6g}"

    def _sampled(self) -> str:
        chains, draws = self.post.draws.sigma.shape
        verdict = "checks passed" if self.post.checks.ok else "CHECKS FAILED"
        return f"posterior by {self.post.draws.by}, {chains} chains × {draws} draws; {verdict}"

    def _predicted(self) -> str:
        if self.loo is None:
            return "none: there are no rows"
        return f"elpd {self.loo.elpd:.1f}, standard error {self.loo.se:.1f}"

    @property
    def model(self) -> Model:
        """Prior and likelihood."""
        return Model.of(self.problem)

    @cached_property
    def lam(self) -> LamPosterior:
        """Posterior of λ (or scale) beside the value that the MAP used, where there is one."""
        lam = self.post.lam
        return lam if self.fit is None else lam.beside(self.fit)

    @property
    def adequacy(self) -> Adequacy | None:
        """Whether the model describes the data; None without rows."""
        return self.post.adequacy if self.post.has_rows else None

    @cached_property
    def scores(self) -> Scores | None:
        """How rows left out were predicted, in scores that people know; None without rows."""
        return (
            None if self.loo is None or not self.post.has_rows else Scores.of(self.post, self.loo)
        )

    @cached_property
    def significance(self) -> Significance:
        """P(|β_j| > ε) and P(likelier sign), ε as `Significance.of_tenth` has it."""
        return Significance.of_tenth(self.post.draws)

    @property
    def scales(self) -> list[tuple[float, float]]:
        """(scale, unit) of each block, their product in the unit of b: the MAP's, or medians."""
        draws, fit = self.post.draws, self.fit
        median = {
            k: float(np.median(draws.scale[..., i])) for i, k in enumerate(draws.scale_labels)
        }
        sigma = float(np.median(draws.sigma)) if fit is None else float(fit.sigma)
        settled = []
        for block in (self.problem if fit is None else fit.problem).blocks:
            scale = median[block.label] if block.scale is None else float(block.scale)
            unit = sigma if block.prior.unit == "sigma" else 1.0
            settled.append((scale, unit * float(np.median(block.relative))))
        return settled

    @cached_property
    def profiles(self) -> tuple[Profile, ...]:
        """What the prior makes of a least-squares estimate, for each block of columns."""
        return profiles(self)


def leader(entries: Mapping[str, Entry], table: pd.DataFrame) -> Entry:
    """The entry of the prior that predicts best; the first where none was judged."""
    return entries[str(table.index[0])] if len(table) else next(iter(entries.values()))


def compared(entries: Mapping[str, Entry]) -> str:
    """What a comparison is of: priors, or models where the likelihoods differ too."""
    nouns = {entry.problem.likelihood.noun for entry in entries.values()}
    return "prior" if len(nouns) == 1 else "model"
