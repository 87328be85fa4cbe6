"""Likelihoods as they are written: ``poisson`` or ``student_t(df=4)``, in the grammar of priors."""

from __future__ import annotations

from typing import Any

from bayesreg.language import families
from bayesreg.language.arguments import nearest
from bayesreg.language.errors import BadArgument
from bayesreg.likelihoods.base import Likelihood
from bayesreg.priors.written import read_one, split

_CLASSES = families.classes("bayesreg.likelihoods", families.LIKELIHOODS)
LIKELIHOODS = {said: _CLASSES[name] for said, name in families.spoken(families.LIKELIHOODS).items()}


def likelihood_of(value: Any, option: str = "likelihood") -> Likelihood:
    """A likelihood, or the one that a text such as ``"poisson"`` stands for.

    Parameters
    ----------
    value : Likelihood or str
        A likelihood stays what it is.
    option : str, default "likelihood"
        How an error calls it.

    Returns
    -------
    Likelihood

    Raises
    ------
    BadArgument
        If it is neither; or a name, an argument or a value in the text means nothing.

    Examples
    --------
    >>> likelihood_of("negative_binomial(shape=2)"), likelihood_of("student_t(df=4)")
    (NegativeBinomial(shape=2.0), StudentTNoise(df=4.0, sigma=None))
    """
    if isinstance(value, Likelihood):
        return value
    if isinstance(value, str):
        parts = split(value, option)
        if len(parts) > 1:
            raise BadArgument(
                f"{option}: {value[:60]!r} is {len(parts)} likelihoods, and one is meant here"
            )
        built: Likelihood = read_one(parts[0], LIKELIHOODS, option, "likelihood")
        return built
    text = (value if isinstance(value, type) else type(value)).__name__
    right = nearest(text, families.LIKELIHOODS) or "Gaussian"
    raise BadArgument(
        f"{option} must be a likelihood such as br.{right}(), or its name as text such as "
        f"'{families.snake(right)}', not {value!r}"
    )
