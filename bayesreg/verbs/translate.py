"""The λ of one library as that of another, with the objective of both."""

from __future__ import annotations

from typing import Any

from bayesreg.conventions.naming import as_written
from bayesreg.language.errors import BadArgument
from bayesreg.likelihoods import Likelihood
from bayesreg.likelihoods.written import likelihood_of
from bayesreg.model.assumed import Assumed, assumed
from bayesreg.model.conversion import Conversion, convert
from bayesreg.model.facts import Facts
from bayesreg.model.penalty import Penalty
from bayesreg.model.problem import Problem


def translate(
    source: str | type | Problem | Penalty | Assumed,
    target: str | type,
    /,
    *,
    data: Any = None,
    X: Any = None,
    y: Any = None,
    weights: Any = None,
    n: float | None = None,
    sd_y: float | None = None,
    rms_y: float | None = None,
    sigma: float | None = None,
    likelihood: Likelihood | str | None = None,
    standardize: bool | None = None,
    intercept: bool | None = None,
    **arguments: Any,
) -> Conversion:
    """The arguments at which one library minimises what another does at its own.

    Every conversion goes by way of one objective, in sums over rows, with a free intercept,

        J(β₀, β) = φ·Σ w_i (−log p(y_i | η_i)) + λ₁‖b‖₁ + ½λ₂‖b‖²

    where b = β, or b = sd(x)·β for what standardises columns. It is exact: where both libraries
    find their optimum, it is the same.

    Parameters
    ----------
    source : str, class, Problem, Penalty or Assumed
        Library and function, such as ``"sklearn.Lasso"`` or ``"glmnet"``; or a penalty of ours.
    target : str or class
        Likewise.
    data : Problem, Moments, or what has .X and .y, optional
        Where N, sd(y) and σ are read from, where the conversion asks for them.
    X, y, weights : array-like (n, p), (n,), (n,), optional
        Instead of `data`.
    n : float, optional
        N = Σw, the number of rows where all weights are 1.
    sd_y, rms_y : float, optional
        sd of y, and √(Σwy²/N) for a fit without an intercept, both with divisor N.
    sigma : float, optional
        sd of the noise, where the arguments of either side are scales of priors.
    likelihood : Likelihood or str, optional
        Where the source's arguments do not say it; unsaid, the source's default.
    standardize : bool, optional
        Whether the source's penalty is one of sd(x)·β, as where a StandardScaler stood before it;
        unsaid, as the source has it.
    intercept : bool, optional
        Whether there is a free β₀; unsaid, as the source has it.
    **arguments : number or str
        The source's own, by its own names; ``lambda_`` for ``lambda``.

    Returns
    -------
    Conversion
        A dict of the target's arguments, with `.objective`, `.source_objective`, `.canonical`,
        `.needs`, `.limits`, `.checked` and `.call`; printed, it shows them all.

    Raises
    ------
    BadArgument
        If a library or argument is not known, a value is none that it can have, or a fact of the
        data is missing: it is named.
    NotSupported
        If no arguments of the target express the penalty, and why.

    Examples
    --------
    >>> import bayesreg as br
    >>> br.translate("sklearn.ElasticNet", "celer.ElasticNet", alpha=0.1, n=442)["l1_ratio"]
    0.5
    >>> br.translate("sklearn.Lasso", "keras.regularizers.L1L2", alpha=0.1, n=442)
    sklearn.Lasso(alpha=0.1) minimises ‖y − β₀ − Xβ‖²/(2N) + alpha·‖β‖₁
      J = ½‖y − β₀ − Xβ‖² + λ₁‖β‖₁ with λ₁ = N·alpha = 44.2
    keras.regularizers.L1L2(l1=0.2, l2=0.0) minimises
      loss + l1·‖β‖₁ + l2·‖β‖², loss = mean_squared_error = ‖y − β₀ − Xβ‖²/N
      holds: as kernel_regularizer of a linear layer trained to its optimum
      checked, source: the library was run: our optimality conditions hold at its answer
      checked: read in the library's source: what it minimises is a multiple of ours
    >>> data = br.load_dataset("diabetes")
    >>> br.translate("sklearn.Ridge", "glmnet", alpha=10.0, data=data)["lambda"]
    1.7422...
    """
    target = as_written(target)
    facts = Facts.of(data, X=X, y=y, weights=weights, n=n, sd_y=sd_y, rms_y=rms_y, sigma=sigma)
    if isinstance(source, str | type):
        own = None if likelihood is None else likelihood_of(likelihood)
        given = assumed(
            source,
            arguments,
            facts,
            likelihood=own,
            standardize=standardize,
            intercept=intercept,
        )
        return convert(given, target, facts)
    settled = {"likelihood": likelihood, "standardize": standardize, "intercept": intercept}
    extra = [*arguments, *(key for key, value in settled.items() if value is not None)]
    if extra:
        raise BadArgument(
            f"{extra[0]}= is settled by the {type(source).__name__} itself; leave it out"
        )
    if isinstance(source, Problem) and data is None and y is None:
        facts = Facts.of(source, n=n, sd_y=sd_y, rms_y=rms_y, sigma=sigma)
    return _ours(source, target, facts)


def _ours(source: Any, target: str, facts: Facts) -> Conversion:
    """A penalty of ours in another library's arguments."""
    if isinstance(source, Problem):
        source = source.penalty
    if not isinstance(source, Penalty | Assumed):
        raise BadArgument(
            "source must be a library's function by name, with its arguments, or a Problem, "
            f"Penalty or Assumed, not {type(source).__name__}; of an estimator that is "
            "br.explain(estimator, X, y).assumed"
        )
    return source.to(target, **{key: value for key, value in vars(facts).items() if value})
