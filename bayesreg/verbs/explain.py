"""explain: the prior that an estimator of another library assumed."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any

import numpy as np

from bayesreg.conventions import named
from bayesreg.conventions.reading import Met, met
from bayesreg.engines.prior_quantities import Expected, Ground, draws_for, expected
from bayesreg.language.arguments import one_positive
from bayesreg.language.errors import BadArgument, BadData, BayesregWarning, NotConverged
from bayesreg.likelihoods import Gaussian, Likelihood
from bayesreg.likelihoods.counts import NegativeBinomial
from bayesreg.model.assumed import Assumed, assumed
from bayesreg.model.facts import Facts
from bayesreg.model.model import Model
from bayesreg.model.problem import Problem
from bayesreg.priors import Flat, Prior
from bayesreg.results.explanation import Explanation
from bayesreg.solvers.certificate import Certificate, certify
from bayesreg.verbs.fit import fit_map


def explain(
    fitted: Any,
    X: Any = None,
    y: Any = None,
    *,
    sample_weight: Any = None,
    sigma: float | None = None,
    delta: float = 0.1,
    standardize: bool | None = None,
    intercept: bool | None = None,
    **arguments: Any,
) -> Explanation:
    r"""Say what prior a penalised fit assumed, what that thought before the data, and if it is one.

    The objective of the estimator is a multiple of J = φ·(−log L) + λ₁‖b‖₁ + ½λ₂‖b‖², which is
    −φ·log of a posterior density: λ₂ = φ/scale² is a Normal prior and λ₁ = φ/scale a Laplace one.

    Parameters
    ----------
    fitted : estimator, result or str
        Of scikit-learn (linear models, alone or in a Pipeline after a StandardScaler), celer, skglm
        or glum, fitted or not; a regularised result of statsmodels; or any function of
        :func:`translate` by its name, as "torch.optim.SGD" with ``weight_decay=0.01``.
    X, y : array (n, p) or data frame, array (n,)
        What it was or would be fitted to; results of statsmodels hold them.
    sample_weight : array (n,), optional
        The weights of that fit.
    sigma : float, optional
        sd of the noise, which a λ₁ needs to be a scale. Unsaid, that of the estimator where it has
        one, else the residual sd √(RSS/(N − 1 − k)) of its k coefficients other than 0.
    delta : float, default 0.1
        Beyond how many sds of the noise an effect is counted.
    standardize, intercept : bool, optional
        Of a function by name: whether it sees standardised columns, and has a free β₀.
    **arguments
        Of a function by name, or what a result of statsmodels does not keep (alpha, L1_wt).

    Returns
    -------
    Explanation
        With ``.prior``, ``.table``, ``.expected``, ``.certificate`` and ``.problem``.

    Raises
    ------
    NotSupported
        If the class is not known, or minimises what no conversion knows; both are named.
    BadArgument
        If X and y are missing, λ is not known before a fit, or σ is needed and not known.

    References
    ----------
    Tibshirani (1996), JRSS B 58(1), §5; Hoerl & Kennard (1970), Technometrics 12(1).

    Examples
    --------
    >>> import bayesreg as br
    >>> from sklearn.linear_model import Lasso
    >>> data = br.load_dataset("diabetes")
    >>> found = br.explain(Lasso(alpha=1.0).fit(data.X, data.y), data.X, data.y)
    >>> found.assumed.l1, found.intercept, found.optimal
    (442.0, 'free', True)
    >>> br.sample(found.problem, draws=50, chains=2, seed=1).draws.beta.shape
    (2, 50, 10)
    """
    one = met(fitted, arguments)
    one = one if standardize is None else dataclasses.replace(one, standardize=standardize)
    X, y, weights = _data(one, X, y, sample_weight)
    given, state = _given(one, y, weights, sigma, intercept)
    at = _At(one, given, X, y, weights, state != "none")
    known, told = at.noise(sigma)
    prior = _prior(given, known)
    reason = _no_problem(one, state)
    problem = at.problem(prior, known)
    certificate, distance = at.judged(problem, known) if not reason else (None, None)
    level_lost = at.level_lost(problem, known) if not reason else None
    ground, draws = _expectation(problem, prior, positive=one.positive)
    return Explanation(
        words=one.words,
        assumed=given,
        prior=prior,
        intercept=state,
        positive=one.positive,
        sigma=known,
        sigma_from=told,
        features=problem.features,
        ground=ground,
        expected=draws,
        certificate=certificate,
        distance=distance,
        level_lost=level_lost,
        delta=one_positive(delta, "delta"),
        why_no_problem=reason,
        _problem=None if reason else problem,
    )


def _data(one: Met, X: Any, y: Any, weights: Any) -> tuple[Any, Any, Any]:
    """X, y and weights: what the estimator holds, or what is given."""
    if one.held and X is None and y is None:
        return one.held["X"], one.held["y"], one.held.get("weights", weights)
    if X is None or y is None:
        raise BadArgument(
            "X and y are missing: λ, R² and the certificate need the data; pass explain(fitted, X, "
            "y)"
        )
    names = getattr(X, "columns", None)
    if one.names is not None and names is not None and tuple(map(str, names)) != one.names:
        raise BadData(
            f"{one.words} was fitted to the columns {', '.join(one.names)}, in this order, and X "
            f"has {', '.join(map(str, names))}; pass the X that it was fitted to"
        )
    width = np.shape(X)[1] if np.ndim(X) == 2 else 1
    if one.coef is not None and len(one.coef) != width:
        raise BadData(
            f"X has {width} columns, and {one.words} has {len(one.coef)} coefficients; pass the X "
            "that it was fitted to, without the column of ones"
        )
    return X, y, weights


def _given(
    one: Met, y: Any, weights: Any, sigma: float | None, intercept: bool | None
) -> tuple[Assumed, str]:
    """What its arguments assume, and what the penalty does to β₀."""
    record = named(one.record)[0]
    inside = one.intercept if intercept is None else intercept
    penalised = one.penalised
    if penalised is None:
        penalised = record.intercept == "penalised" and intercept is None
    facts = Facts.of(y=y, weights=weights, sigma=one.sigma if sigma is None else sigma)
    scaled = one.standardize or None
    if record.intercept == "none":
        inside = False
    given = assumed(one.record, one.arguments, facts, standardize=scaled, intercept=inside)
    inside = given.intercept
    if isinstance(given.likelihood, NegativeBinomial):  # 1 is the default of glum and statsmodels
        own = NegativeBinomial(shape=1.0 if one.shape is None else one.shape)
        given = dataclasses.replace(given, likelihood=own)
    if record.intercept == "penalised":  # what its note asks is what `state` answers
        given = dataclasses.replace(given, notes=given.notes[1:] if inside else given.notes)
    return given, "none" if not inside else "penalised" if penalised else "free"


def _prior(given: Assumed, sigma: float | None) -> Prior:
    """The prior: in units of σ where that is all that the penalty says."""
    if given.facts.sigma is not None:
        return given.prior()
    try:
        return given.prior()
    except BadArgument:
        if sigma is None:
            raise BadArgument(
                "λ₁ is a prior only once σ is known, and the residuals leave no estimate: say "
                "sigma="
            ) from None
        return given.prior(sigma=sigma)


def _no_problem(one: Met, state: str) -> str:
    if one.positive:
        return "its coefficients are held at 0 and above, and no prior of bayesreg is so"
    if one.spoils:
        return one.spoils[0]
    if state == "penalised":
        spare = named(one.record)[0].spare
        cure = f" To spare it: {spare}." if spare else ""
        return f"its intercept is penalised, and no prior of bayesreg does that.{cure}"
    return ""


class _At:
    """The data, and where on them the estimator stands."""

    def __init__(
        self, one: Met, given: Assumed, X: Any, y: Any, weights: Any, intercept: bool
    ) -> None:
        self.one, self.given, self.intercept = one, given, intercept
        self.data = {"X": X, "y": y, "weights": weights}

    def conditioned(self, prior: Prior, likelihood: Likelihood) -> Problem:
        """The problem under a prior, y = 1 as the estimator has it."""
        how: dict[str, Any] = {
            **self.data,
            "standardize": self.given.standardize,
            "intercept": self.intercept,
        }
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", BayesregWarning)  # the problem has them
            problem = Model(prior, likelihood).condition(**how)
            classes, own = self.one.classes, problem.classes_
            if classes is not None and own is not None and tuple(own) == classes[::-1]:
                turned = dataclasses.replace(likelihood, positive=classes[1])  # type: ignore[type-var]
                problem = Model(prior, turned).condition(**how)
        sd = self.one.sd
        if sd is not None and not np.allclose(sd, problem.x_sd, rtol=1e-8):
            raise BadData(
                "the StandardScaler was fitted to other rows or weights than X has here: its sds "
                "differ; pass the data of the fit, and weights to both steps"
            )
        return problem

    def noise(self, sigma: float | None) -> tuple[float | None, str]:
        """σ, and where it comes from."""
        likelihood = self.given.likelihood
        if not likelihood.has_sigma:
            return None, ""
        if sigma is not None:
            return float(sigma), f"σ = {sigma:.6g}, as said"
        if self.one.sigma is not None:
            return self.one.sigma, f"σ = {self.one.sigma:.6g} = 1/√alpha_, its own estimate"
        found = self._residual_sd()
        if found is None:
            return None, "σ is not known: effects are in its units"
        whose = "its coefficients" if self.one.coef is not None else "the optimum"
        size = "mean |residual|" if self._absolute else "residual sd"
        return found, f"σ̂ = {found:.6g}, the {size} at {whose}"

    @property
    def _absolute(self) -> bool:
        """Whether the noise is Laplace, whose scale is a mean of |r|."""
        return self.given.likelihood.phi == "σ"

    def _residual_sd(self) -> float | None:
        """√(RSS/(N − 1 − k)) at the reported coefficients or, unfitted, at the optimum.

        Under Laplace noise Σ|r|/(N − 1 − k), which is its scale.
        """
        exploring = Gaussian(sigma=1.0)  # the least squares optimum at these λ's has no σ in it
        problem = self.conditioned(self.given.prior(sigma=1.0), exploring)
        reported = self.one.coef is not None and len(problem.proper) > 0
        b = self.one.coef if reported else self._optimum(problem)
        beta, at = problem.restore(np.asarray(b, dtype=float))
        assert problem.design is not None
        rest = problem.design.y - problem.design.X @ beta - at
        nu = problem.nu - np.count_nonzero(b)
        size = np.abs(rest) if self._absolute else np.square(rest)
        mean = float(problem.design.frequencies @ size) / nu if nu > 0 else 0.0
        if mean <= 0.0:
            return None
        return mean if self._absolute else float(np.sqrt(mean))

    def _optimum(self, problem: Problem) -> Any:
        try:
            return fit_map(problem).b
        except NotConverged as error:
            reached: Any = error.result
            return reached.b

    def problem(self, prior: Prior, sigma: float | None) -> Problem:
        """The problem; σ known where the prior is not in its units."""
        likelihood = self.given.likelihood
        fixed = likelihood.has_sigma and (prior.unit == "y" and not isinstance(prior, Flat))
        if fixed or (likelihood.has_sigma and self.given.facts.sigma is not None):
            likelihood = dataclasses.replace(likelihood, sigma=sigma)  # type: ignore[type-var]
        return self.conditioned(prior, likelihood)

    def judged(
        self, problem: Problem, sigma: float | None
    ) -> tuple[Certificate | None, float | None]:
        """The certificate at what it reports, and how far our optimum is from there."""
        coef = self.one.coef
        if coef is None or not len(problem.proper):
            return None, None
        problem = self._where_known(problem, sigma)
        found = certify(problem, coef)
        if found.ok:
            return found, 0.0
        noise = sigma if sigma is not None else 1.0
        size = problem.column_sd / problem.x_sd
        return found, float(np.max(np.abs(coef - self._optimum(problem)) * size)) / noise

    @staticmethod
    def _where_known(problem: Problem, sigma: float | None) -> Problem:
        """The problem at σ, where its loss is no quadratic whatever σ is."""
        if sigma is not None and not problem.exact and "sigma" in problem.unknown:
            return problem.at(sigma=sigma)
        return problem

    def level_lost(self, problem: Problem, sigma: float | None) -> float | None:
        """By how many nats log L is higher at another intercept, coefficients as reported."""
        one, design = self.one, problem.design
        if one.level is None or one.coef is None or design is None or not problem.intercept:
            return None
        if not len(problem.proper) or (sigma is None and problem.likelihood.has_sigma):
            return None
        problem = self._where_known(problem, sigma)
        theta = problem.known | ({} if sigma is None else {"sigma": sigma})
        beta, best = problem.restore(np.asarray(one.coef, dtype=float))
        own = one.level - (0.0 if one.mean is None else float(one.mean @ beta))
        inside = design.X @ beta
        either = [
            problem.likelihood.log_density(design.y, inside + level, theta) for level in (best, own)
        ]
        return float(design.frequencies @ (either[0] - either[1]))


def _expectation(
    problem: Problem, prior: Prior, *, positive: bool
) -> tuple[Ground | None, Expected | None]:
    """What the prior expects before the data."""
    if isinstance(prior, Flat):
        return None, None
    ground, blocks = Ground.of(
        prior,
        problem.likelihood,
        problem.held,
        standardize=problem.standardize,
        intercept=problem.intercept,
    )
    return ground, expected(ground, blocks, draws_for(len(ground.size)), folded=positive)
