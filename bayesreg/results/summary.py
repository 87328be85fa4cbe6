"""Summary: a table of coefficients that prints with what it is about, above and below it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from bayesreg.data.arrival import Held
from bayesreg.data.design import Design
from bayesreg.data.streamed import Streamed
from bayesreg.engines.draws import WEIGHT
from bayesreg.language.arguments import interval_names, is_number
from bayesreg.language.text import html_lines, html_table, listed, number, plain, shortened, visible
from bayesreg.model.blocks import remarks
from bayesreg.model.problem import Problem
from bayesreg.priors.base import in_brief

WIDTH = 88  # characters of a line, unless the table is wider
ROWS = 200  # of a printed table
HALF = 42  # characters of one of two facts on a line
Facts = dict[str, str]


class Summary(pd.DataFrame):
    """A data frame that knows its heading: printed, facts, table and notes; else a data frame.

    Whatever is computed from it (a selection, a rounding, a join) is a plain data frame.

    Attributes
    ----------
    title : str
        What the numbers are.
    facts : dict of str to str
        Data, model and how it was computed, in words.
    notes : tuple of str
        How to read the columns, and what the reader must know.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal(20.0)).condition(data.X, data.y, standardize=True)
    >>> table = br.fit_map(problem).summary()
    >>> table.facts["rows"], type(table.round(2)).__name__
    ('442', 'DataFrame')
    """

    _metadata = ["title", "facts", "notes"]  # noqa: RUF012  (pandas reads it from the class)
    title: str
    facts: Facts
    notes: tuple[str, ...]

    @classmethod
    def of(cls, table: pd.DataFrame, title: str, facts: Facts, notes: tuple[str, ...]) -> Summary:
        """The table under a title; facts and notes without anything hidden in them."""
        made = cls(table)
        made.title = title
        made.facts = {name: visible(said) for name, said in facts.items() if said}
        made.notes = tuple(visible(note) for note in notes if note)
        return made

    @property
    def _constructor(self) -> Any:
        return pd.DataFrame

    def __repr__(self) -> str:
        """Title, facts, table, notes."""
        if not hasattr(self, "facts"):
            return pd.DataFrame(self).__repr__()
        body = plain(self).to_string(float_format="{:.4g}".format, max_rows=ROWS)
        width = max(WIDTH, body.index("\n") if "\n" in body else len(body))
        rule = "─" * width
        head = [self.title.center(width).rstrip(), rule, *self._heading(), rule]
        foot = [line for note in self.notes for line in textwrap.wrap(note, width)]
        return "\n".join([*head, body, rule, *foot])

    def _heading(self) -> Iterator[str]:
        """Short facts two on a line, long ones on lines of their own."""
        pad = max(map(len, self.facts), default=0) + 2
        waiting = ""
        for name, said in self.facts.items():
            one = f"{name:<{pad}}{said}"
            if len(one) > HALF:
                if waiting:
                    yield waiting
                waiting = ""
                yield from textwrap.wrap(one, WIDTH, subsequent_indent=" " * pad)
            elif waiting:
                yield f"{waiting:<{HALF + 2}}{one}"
                waiting = ""
            else:
                waiting = one
        if waiting:
            yield waiting

    def _repr_html_(self) -> str:
        """The same, as escaped HTML for notebooks."""
        if not hasattr(self, "facts"):
            return html_table(self)
        head = html_lines(self.title, *self._heading())
        return head + html_table(self) + html_lines(*self.notes)


def facts_of(problem: Problem, beta: Any) -> Facts:
    """What every summary says of a problem, and R² of the coefficients `beta` where it is cheap."""
    response = problem.moments.y_name
    if problem.classes_ is not None:
        response += f" (is {problem.classes_[1]!r} rather than {problem.classes_[0]!r})"
    facts = {
        "response": shortened(response, 60),
        "rows": f"{problem.moments.rows}",
        "weights": "" if problem.n == problem.moments.rows else f"N = Σw = {problem.n:g}",
        "columns": f"{len(problem.features)}{' (standardised)' if problem.standardize else ''}",
        "prior": in_brief(problem.prior),
        "likelihood": repr(problem.likelihood),
        "read": _read(problem.held),
    }
    r2 = _r2(problem, np.asarray(beta, dtype=float))
    return facts | ({} if r2 is None else {"R² in-sample": f"{r2:.3f}"})


def _read(held: Held) -> str:
    """What was read to have the rows, and of passes over them how long it took."""
    if isinstance(held, Streamed):
        return held.read.words
    return held.origin if isinstance(held, Design) else ""


def _r2(problem: Problem, beta: Any) -> float | None:
    """1 − RSS/TSS on the rows of the fit, from the moments; None without intercept or squares."""
    moments = problem.moments
    if not (problem.exact and problem.intercept and moments.centred and moments.y_sd > 0.0):
        return None
    contrasts = np.array([[*-beta, 1.0], [*np.zeros_like(beta), 1.0]])
    residual, total = moments.quadratic(contrasts)
    return float(1.0 - residual / total)


def scales_of(
    problem: Problem, sigma: float, scale: Any, own: Mapping[str, float] | None = None
) -> Facts:
    """σ, the likelihood's other unknowns and the scales at which something was computed."""
    facts = {"σ": number(sigma)} if problem.likelihood.has_sigma else {}
    facts |= {name: number(value) for name, value in (own or {}).items()}
    if scale is None:
        return facts
    values = np.atleast_1d(np.asarray(scale, dtype=float))
    unit = {block.prior.unit for block in problem.blocks} == {"sigma"}
    said = ", ".join(map(number, values[:4])) + (", …" if len(values) > 4 else "")
    return facts | {"scale": f"{said}{' σ' if unit else ''}"}


def of_map(fit: Any, table: pd.DataFrame) -> Summary:
    """The coefficients of an optimum, with λ and the certificate."""
    facts = facts_of(fit.problem, fit.beta) | {"solver": fit.solver}
    own = {name: float(v[0]) for name, v in fit.theta.items() if name != "sigma"}
    facts |= scales_of(fit.problem, fit.sigma, fit.scale, own)
    lam = fit.penalty.lam
    facts |= {"λ": number(lam)} if is_number(lam) else {}
    facts |= {"zeros": f"{int(np.sum(fit.b == 0.0))} of {len(fit.b)}"}
    facts |= {"intercept": f"{fit.intercept:.6g}", "chosen by": fit.hyper}
    reading = f"{_ratio(fit.problem)}{_meanings(fit.problem)}".strip()
    notes = (f"Certificate: {fit.certificate.why}", reading, *fit.problem.warnings)
    return Summary.of(table, "Penalised optimum (MAP)", facts, notes)


def of_posterior(post: Any, table: pd.DataFrame, level: float, *, standardized: bool) -> Summary:
    """The unknowns of a posterior, with the run and its checks."""
    chains, draws = post.draws.sigma.shape
    facts = facts_of(post.problem, post.beta) | {"engine": post.engine}
    facts |= {"draws": f"{chains} chains × {draws}", "seed": f"{post.draws.seed}"}
    own = {name: float(np.median(values)) for name, values in post.draws.own.items()}
    facts |= scales_of(post.problem, post.sigma, post.scale, own)
    facts |= {q.name: number(q.median) for q in post.lam.quantities if "λ" in q.name}
    if WEIGHT in post.draws.stats:
        value, error = post.draws.log_evidence
        facts |= {"log evidence": f"{value:.2f} (Monte Carlo error {error:.1g})"}
    per = "sd" if standardized else "unit"
    fitted = "R² is that of the posterior mean; " if "R² in-sample" in facts else ""
    reading = (
        f"Coefficients are per {per} of the column. {_ratio(post.problem)}{_interval(level)} "
        f"p_positive: P(> 0). {fitted}"
        f"{listed([*(k for k in ('σ', *own) if k in facts), 'scale'])} and λ above the table are "
        f"medians. {_meanings(post.problem)}{remarks(post.problem.blocks)}"
    )
    stopped = "" if post.complete else "INTERRUPTED: fewer draws than asked for."
    verdict = "passed" if post.checks.ok else "FAILED"
    notes = (
        reading,
        _of_levels(post.problem),
        stopped,
        f"Checks {verdict}: {post.checks.why}",
        *post.warnings,
    )
    return Summary.of(table, f"Posterior by {post.draws.by}", facts, notes)


def of_closed(closed: Any, table: pd.DataFrame, level: float) -> Summary:
    """The unknowns of a conjugate posterior, with the evidence."""
    scales = [block.scale for block in closed.problem.blocks] or None
    facts = facts_of(closed.problem, closed.mean)
    facts |= scales_of(closed.problem, closed.sigma, scales)
    facts |= {"log evidence": f"{closed.log_evidence:.6g}"}
    kind = "normal" if np.isinf(closed.df) else f"Student-t with {closed.df:g} df"
    reading = f"Coefficients are {kind}; nothing is simulated. {_interval(level)}"
    notes = (reading, _of_levels(closed.problem), *closed.problem.warnings)
    return Summary.of(table, "Posterior in closed form", facts, notes)


def _of_levels(problem: Problem) -> str:
    if not problem.effects.coding:
        return ""
    return (
        "Beside an intercept a level's own coefficient says little; the posterior's effects() has "
        "the differences of levels."
    )


def _ratio(problem: Problem) -> str:
    """What e^β is, where it is something."""
    ratio = problem.likelihood.ratio
    return "" if ratio is None else f"{ratio.key}: e^β, what {ratio.of} is multiplied by. "


def _meanings(problem: Problem) -> str:
    """What the likelihood's own unknowns are, where that is not plain."""
    said = [f"{name}: {what}." for name, what in problem.likelihood.meanings.items()]
    return " ".join(said)


def _interval(level: float) -> str:
    kind = interval_names(level)[0].removesuffix("_lb")
    return f"{kind}: equal-tailed interval of {100 * level:g} %."
