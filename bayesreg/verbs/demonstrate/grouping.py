"""Grouping: what lasso, ridge, elastic net and a group penalty do with columns that are alike."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayesreg.data.moments import Moments
from bayesreg.language.arguments import Array, integer, is_number, one_positive
from bayesreg.language.errors import BadArgument, BadData, BayesregWarning, NotSupported
from bayesreg.language.misnamed import explained
from bayesreg.language.text import listed, percent, shortened
from bayesreg.likelihoods import Gaussian
from bayesreg.model.model import Model
from bayesreg.priors import ElasticNet, Flat, Laplace, Normal
from bayesreg.solvers.path import default_lams, solve_path
from bayesreg.verbs.demonstrate.record import Record
from bayesreg.verbs.demonstrate.subject import subject
from bayesreg.verbs.fit import fit_map

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.model.problem import Problem
    from bayesreg.results import MapFit, Posterior

POINTS = 60
KINDS = ("lasso", "ridge", "elastic net", "group lasso")


@dataclass(frozen=True, eq=False, repr=False)
class Grouping(Record):
    """Paths of columns that are alike under four penalties, by the names of `KINDS`.

    Attributes
    ----------
    problem : Problem
        With the copies among its columns, where there are any.
    members : tuple of str (m,)
        The columns that are alike, or belong together.
    rho : float or None
        Correlation of each copy with its original; None where the columns are those of the data.
    l2 : float
        λ₂ of the elastic net, the same along its path.
    lams : mapping of str to ndarray (L,)
        Ascending; λ₂ of ridge, λ₁ of the others.
    effects : mapping of str to ndarray (L, P)
        Effects of one standard deviation.
    apart : mapping of str to ndarray (L,)
        Of ridge and elastic net: the largest |b_i − b_j| of two members.
    bound : mapping of str to ndarray (L,)
        What that cannot exceed where both have one sign (under ridge, whatever their signs):
        max‖x_i − x_j‖·‖y‖/λ₂.
    """

    picture: ClassVar[str] = "grouping"

    problem: Problem
    members: tuple[str, ...]
    rho: float | None
    l2: float
    lams: dict[str, Array]
    effects: dict[str, Array]
    apart: dict[str, Array]
    bound: dict[str, Array]

    @property
    def places(self) -> list[int]:
        """Positions of the members among all columns."""
        return [self.problem.features.index(name) for name in self.members]

    @property
    def shares(self) -> dict[str, float]:
        """The largest member's part of all members' sizes, where these are half of their most."""
        found = {}
        for kind, effects in self.effects.items():
            size = np.abs(effects[:, self.places])
            total = size.sum(axis=1)
            k = len(total) - 1 - int(np.argmax(total[::-1] >= 0.5 * total.max()))
            found[kind] = float(size[k].max() / total[k]) if total[k] > 0 else np.nan
        return found

    def summary(self) -> pd.DataFrame:
        """For each penalty the largest member's share where λ has halved their joint size."""
        import pandas as pd

        return pd.DataFrame({"share": self.shares, "fair": 1.0 / len(self.members)})

    @property
    def says(self) -> str:
        """Who gets what of the joint effect."""
        if self.rho is None:
            who = f"Of the joint size of {listed([shortened(one) for one in self.members])}"
        else:
            k = len(self.members) - 1
            copies = f"{k} copies, each correlated at {self.rho:g}" if k > 1 else "a copy"
            copies += "" if k > 1 else f" correlated at {self.rho:g}"
            who = f"Of the joint size of {shortened(self.members[0])} and {copies} with it"
        there = {kind: one for kind, one in self.shares.items() if one == one}
        given = ", ".join(f"the {kind} gives {percent(one)}" for kind, one in there.items())
        given = given.replace("the ridge", "ridge")
        out = [kind for kind in self.shares if kind not in there]
        left = f"; of the {listed(out)} they are 0 all along" if out else ""
        return (
            f"{who}, where λ has halved it, {given} to one alone; a fair share is "
            f"{percent(1 / len(self.members))}{left}."
        )

    @property
    def alt(self) -> str:
        """Four panels in words."""
        names = listed([shortened(one) for one in self.members])
        given = ", ".join(
            f"{percent(share) if share == share else 'nothing'} ({kind})"
            for kind, share in self.shares.items()
        )
        return (
            "Four panels of coefficients over λ on a logarithmic axis, for lasso, ridge, elastic "
            f"net and group lasso; {names} are coloured, all others grey. Where λ has halved their "
            f"joint size, the largest of them has {given} of it; the group lasso has all of them "
            "or none."
        )


@explained
def grouping(
    problem: Problem | MapFit | Posterior,
    columns: str | Sequence[str] | None = None,
    *,
    copies: int = 2,
    rho: float = 0.95,
    l2: float | None = None,
) -> Grouping:
    r"""Paths of a column and copies of it, or of columns that belong together, by penalty.

    A copy is :math:`\rho x + \sqrt{1-\rho^2}\,e` with e orthogonal to all columns, to y and to the
    other copies: exactly ρ is its correlation, and it knows nothing of y that x does not. From the
    optimum's equations (Zou & Hastie 2005, theorem 1, in the units of J)

    .. math:: \lambda_2\,|b_i - b_j| \le \lVert x_i - x_j\rVert\,\lVert y\rVert
              = \sqrt{2N(1-\rho)}\,\lVert y\rVert

    for two standardised columns that both are in the model with one sign; the last for a copy. The
    lasso has no such bound, and of equal columns any division is optimal.

    Parameters
    ----------
    problem : Problem, or a fit or posterior of one
        Under a Gaussian likelihood, on rows; its prior says only which columns are Flat.
    columns : str or sequence of str, optional
        One column is copied. Several are taken as they are, without copies, such as the levels of
        a factor. Unsaid, the column with the largest effect is copied.
    copies : int, default 2
    rho : float, default 0.95
        Correlation of a copy with its original, above 0 and below 1.
    l2 : float, optional
        λ₂ of the elastic net; unsaid, half of the largest ‖x_j‖², which is N/2 if standardised.

    Returns
    -------
    Grouping

    Raises
    ------
    BadArgument
        If a column is unknown or Flat, or a number is out of its range.
    BadData
        If there are too few rows for a copy to differ from all columns, or nothing that varies.
    NotSupported
        If the likelihood is not Gaussian, or there are no rows.

    References
    ----------
    Zou & Hastie (2005), "Regularization and variable selection via the elastic net", JRSS B 67(2),
    theorem 1, https://doi.org/10.1111/j.1467-9868.2005.00503.x; Yuan & Lin (2006), "Model selection
    and estimation in regression with grouped variables", JRSS B 68(1),
    https://doi.org/10.1111/j.1467-9868.2005.00532.x.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Laplace()).condition(data.X, data.y, standardize=True)
    >>> found = grouping(problem, "bmi")
    >>> found.members, round(found.shares["ridge"], 2)
    (('bmi', 'bmi copy 1', 'bmi copy 2'), 0.35)
    """
    problem = subject(problem, "grouping", quadratic=True)
    if problem.design is None:
        raise NotSupported(f"grouping needs rows, and {problem.rowless}")
    members = _members(problem, columns)
    correlation = None
    if len(members) == 1:
        if not (is_number(rho) and 0.0 < rho < 1.0):
            raise BadArgument(f"rho must lie between 0 and 1, both excluded, not {rho!r}")
        X, members = _with_copies(problem, members[0], integer(copies, "copies"), float(rho))
        correlation = float(rho)
    else:
        X = _frame(problem)
    free = {problem.features[j]: Flat() for j in problem.flat}
    asked = {
        kind: _asked(problem, X, free, prior)
        for kind, prior in {
            "lasso": Laplace(1.0),
            "ridge": Normal(1.0),
            "elastic net": Laplace(1.0),
            "group lasso": Laplace(1.0, groups=[list(members)]),
        }.items()
    }
    norms, late = asked["lasso"].quadratic.norms, _entry(asked["lasso"], members)
    l2 = float(np.max(norms) ** 2) / 2.0 if l2 is None else one_positive(l2, "l2")
    lams = {
        kind: default_lams(one, POINTS, _RATIOS[kind] * late)[::-1] for kind, one in asked.items()
    }
    b = {
        kind: _with_l2(one, lams[kind], l2)
        if kind == "elastic net"
        else solve_path(one, lams[kind], 1.0)[0]
        for kind, one in asked.items()
    }
    lasso = asked["lasso"]
    effects = {kind: lasso.restore(one)[0] * lasso.column_sd for kind, one in b.items()}
    apart, bound = _bounded(lasso, members, b, {"ridge": lams["ridge"], "elastic net": l2})
    return Grouping(lasso, tuple(members), correlation, l2, lams, effects, apart, bound)


_RATIOS = {"lasso": 1e-3, "ridge": 1e-6, "elastic net": 1e-3, "group lasso": 1e-3}


def _entry(problem: Problem, members: Sequence[str]) -> float:
    """The λ at which the first member may enter, over that of the first column."""
    pull = np.abs(problem.quadratic.xy)
    if not np.any(pull > 0.0):
        raise BadData("no column is correlated with y, so that every coefficient is 0 at any λ")
    own = np.isin(np.array(problem.features)[problem.proper], members)
    return float(np.max(pull[own]) / np.max(pull)) or 1.0


def _members(problem: Problem, columns: Any) -> list[str]:
    """The columns named, or the one with the largest effect under ridge."""
    known = [problem.features[j] for j in problem.proper]
    if not known:
        raise BadData("there is no penalised column")
    if columns is None:
        pull = np.abs(problem.quadratic.xy) / np.maximum(problem.quadratic.norms, 1e-300)
        return [known[int(np.argmax(np.where(problem.quadratic.norms > 0, pull, -1.0)))]]
    named = [columns] if isinstance(columns, str) else list(columns)
    if not named or len(set(named)) != len(named) or not set(named) <= set(known):
        raise BadArgument(f"columns must name penalised columns, each once, not {columns!r}")
    return named


def _frame(problem: Problem) -> Any:
    import pandas as pd

    assert problem.design is not None
    return pd.DataFrame(np.asarray(problem.design.X), columns=list(problem.features))


def _with_copies(problem: Problem, name: str, copies: int, rho: float) -> tuple[Any, list[str]]:
    """The columns and copies of one of them, each with exactly this correlation."""
    X, design = _frame(problem), problem.design
    assert design is not None
    weights = design.frequencies
    root = np.sqrt(weights / weights.sum())[:, None]
    known = np.column_stack([np.ones(len(X)), X, design.target]) * root
    if np.sum(weights > 0) < known.shape[1] + copies:
        raise BadData(
            f"{copies} copies that differ from {X.shape[1]} columns, y and each other need at "
            f"least {known.shape[1] + copies} rows, and there are {int(np.sum(weights > 0))}"
        )
    # Which e is drawn does not matter: only its products are seen, and these are all 0.
    noise = np.random.default_rng(0).standard_normal((len(X), copies)) * root
    basis = np.linalg.qr(known / np.maximum(np.linalg.norm(known, axis=0), 1e-300))[0]
    for _ in range(2):
        noise = noise - basis @ (basis.T @ noise)
    noise = np.linalg.qr(noise)[0] / np.where(root > 0, root, np.inf)
    x, j = X[name].to_numpy(float), problem.features.index(name)
    mean, sd = float(weights @ x / weights.sum()), float(problem.column_sd[j])
    made = [name]
    for k in range(copies):
        made.append(f"{name} copy {k + 1}")
        X[made[-1]] = mean + rho * (x - mean) + np.sqrt(1.0 - rho**2) * sd * noise[:, k]
    return X, made


def _asked(problem: Problem, X: Any, free: dict[Any, Any], prior: Any) -> Problem:
    """The columns under one prior, σ known so that paths are of λ alone."""
    design = problem.design
    assert design is not None
    moments = Moments.of(X, design.target, design.weights, warn=False)
    model = Model(free | {...: prior} if free else prior, Gaussian(1.0))
    with warnings.catch_warnings():  # what there is to say of these columns was said of the problem
        warnings.simplefilter("ignore", BayesregWarning)
        return model.condition(
            moments, standardize=problem.standardize, intercept=problem.intercept
        )


def _with_l2(problem: Problem, lams: Array, l2: float) -> Array:
    """Optima (L, p) of the elastic net along λ₁ with one λ₂."""
    out = np.empty((len(lams), problem.p))
    for k, lam in enumerate(lams):
        prior = ElasticNet.from_scales(laplace=1.0 / lam, normal=1.0 / np.sqrt(l2))
        out[k] = fit_map(problem.given(prior=prior)).b
    return out


def _bounded(
    problem: Problem, members: list[str], b: dict[str, Array], l2: dict[str, Any]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """The largest |b_i − b_j| of members under each λ₂, and what it cannot exceed."""
    at = [list(problem.proper).index(problem.features.index(name)) for name in members]
    gram = problem.quadratic.block(np.array(at))
    size = np.diagonal(gram)
    far = np.sqrt(np.max(np.maximum(size[:, None] + size - 2.0 * gram, 0.0)))
    apart = {kind: np.ptp(b[kind][:, at], axis=1) for kind in l2}
    length = float(np.sqrt(problem.quadratic.yy))
    return apart, {
        kind: far * length / np.broadcast_to(one, len(b[kind])) for kind, one in l2.items()
    }
