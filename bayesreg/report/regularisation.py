"""A path, and the choice of λ on it, as figures and tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from bayesreg import plots
from bayesreg.language.errors import NotConverged, NotSupported
from bayesreg.language.text import shortened
from bayesreg.plots.canvas import Mark
from bayesreg.plots.paths import chosen_lam
from bayesreg.report.figure import Figure
from bayesreg.report.table import Table, columns, from_frame, plain
from bayesreg.report.trust import standing

SHOWN = 20  # λ's or columns before the rest is folded
EXACT = 100  # columns up to which knots are followed: beyond, there may be thousands
LAM = "lam number λ | scale number scale of the prior"


def _alpha(path: Any) -> str:
    """Columns of λ, of the scale, and of scikit-learn's, where it has one."""
    name = path.sklearn_lam
    return LAM if name is None else f"{LAM} | sklearn number scikit-learn's {name}"


def _same(path: Any) -> str:
    """The end of a note: by which λ of scikit-learn the coefficients are the same."""
    name = path.sklearn_lam
    return "" if name is None else f"; scikit-learn has the same coefficients at its {name}"


def penalty(path: Any) -> tuple[str, str]:
    """What is followed, as "lasso", and its objective in words, λ₁ and λ₂ those of the ray."""
    share = path.ray.l1_ratio
    if share is None:
        return path.problem.penalty.kind, path.problem.penalty.objective
    one = path.ray.at(float(path.lam[0])).penalty
    words = [f"λ₁ = {share:g}λ", f"λ₂ = {1.0 - share:g}λ"] if 0.0 < share < 1.0 else []
    words += ["b = sd(x)·β"] if path.problem.standardize else []
    formula, _, where = one.objective.partition(" with ")
    words = [part for part in where.split(", ") if part.startswith("η")] + words
    return one.kind, formula + " with " * bool(words) + ", ".join(words)


def numbers(path: Any, *, folded: bool = False) -> Table:
    """Every λ with its objective, the scale it means, scikit-learn's alpha, and its certificate."""
    head = columns(
        f"{_alpha(path)} | df decimal degrees of freedom | nonzero integer not zero | "
        "objective number J | gap small duality gap | certified flag certified"
    )
    frame = path.summary().reset_index()[[column.key for column in head]]
    frame = frame.assign(certified=[standing(one) for one in path.certificates])
    likelihood = path.problem.likelihood
    loss = "½RSS"
    if not path.problem.exact:
        loss = likelihood.words("η")
    note = (
        f"J = {loss} + λ₁‖b‖₁ + ½λ₂‖b‖² in sums over rows, and no b has a J lower by more than the "
        f"duality gap{_same(path)}."
    )
    shown: dict[str, Any] = {"first": 0 if folded else SHOWN, "folded": folded}
    return from_frame(frame, "path", "The path in numbers", head, note=note, **shown)


def entries(path: Any) -> Table:
    """Which column enters at which λ, as λ falls; no rows where every coefficient always counts."""
    lam, b, exact = _followed(path)
    rows = tuple(_entered(path, lam, b, exact)) if not b[0].any() else ()
    head = columns(f"column name column | {LAM} | sign text sign there | leaves text zero again")
    where = "At the exact knots of the path" if exact else "To the spacing of the λ's of the path"
    note = f"{where}; zero again: whether it leaves at a smaller λ."
    title = "In which order the columns enter"
    return Table("entries", title, head, rows, note, first=SHOWN)


def _followed(path: Any) -> tuple[Any, Any, bool]:
    """λ's from large to small, the optima there, and whether they are the knots of the path."""
    if path.problem.p <= EXACT:
        try:
            knots = path.knots
        except (NotSupported, NotConverged):
            pass
        else:
            if knots.complete:
                return knots.lam, knots.b, True
    order = np.argsort(-path.lam, kind="stable")
    return path.lam[order], path.b[order], False


def _entered(path: Any, lam: Any, b: Any, exact: bool) -> Iterator[tuple[Any, ...]]:
    """Rows of `entries`, the earliest first."""
    inside = b != 0
    first = np.where(inside.any(axis=0), inside.argmax(axis=0), len(lam))
    for j in np.argsort(first, kind="stable"):
        k = int(first[j])
        if k == len(lam):
            return
        at = float(lam[k - 1] if exact else lam[k])  # between knots the coefficient is linear in λ
        sign = "+" if b[k, j] > 0 else "−"
        again = "yes" if np.any(~inside[k:, j]) else "no"
        name = path.problem.features[path.problem.proper[j]]
        yield name, at, plain(path.ray.scales(np.array([at]))[0]), sign, again


def drawn_path(path: Any, *, mark: Mark | None = None, of: str = "") -> Figure:
    """Coefficients against λ, the prior scale above."""
    chosen = chosen_lam(path)
    axes = plots.plot_path(path, mark=mark)
    return Figure(
        "path",
        "Regularisation path" + (f" of {shortened(of)}" if of else ""),
        "Optimum of J at every λ, each certified; above, the scale of the prior that the λ is. "
        "Left: hardly any penalty; right: everything is shrunk to the prior's centre.",
        f"Coefficients against λ from {np.min(path.lam):.3g} to {np.max(path.lam):.3g}"
        + (f"; the fit is at λ = {chosen:.4g}." if chosen else "."),
        axes.figure,
    )


def selected(choice: Any) -> Table:
    """What each rule selects: λ, the prior that it is, and what is left of the columns."""
    head = columns(
        f"rule text rule | {_alpha(choice.path)} | df decimal df | nonzero integer not zero | "
        "log_scale_error small error of log scale | cv_error number CV error | "
        "optimises text what is best there"
    )
    frame = choice.table.reset_index()
    if not (frame["log_scale_error"] > 0).any():
        frame = frame.drop(columns="log_scale_error")
    if choice.path.sklearn_lam is None:
        frame = frame.drop(columns="sklearn")
    sigma = f" at σ = {choice.sigma:.4g} ({choice.sigma_source})" if choice.needs_sigma else ""
    note = (
        f"λ is that of J; the scale is that of the prior whose MAP has this λ{sigma}"
        f"{_same(choice.path)}; df: effective degrees of freedom."
    )
    return from_frame(frame, "choice", "What each rule selects", head, note=note)


def drawn_choice(choice: Any) -> Figure:
    """The panel: criteria and posterior along one λ, and what each rule selects."""
    axes = choice.plot()
    words = "; ".join(
        f"{shortened(str(row['rule']))}: {row['lam']:.4g}" for row in selected(choice).records()
    )
    return Figure(
        "choice",
        "Which λ, and what prior that is",
        "Every criterion along the same λ, below, and the scale of the prior that the λ is, above; "
        "a vertical line is what a rule selects.",
        f"Criteria against λ. Selected λ: {words}.",
        np.ravel(axes)[0].figure,
    )
