"""Options of the shell that are read as priors, numbers or likelihoods."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from bayesreg import likelihoods
from bayesreg.data.files import number
from bayesreg.language import families
from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadArgument
from bayesreg.language.families import snake
from bayesreg.language.text import shortened
from bayesreg.likelihoods import Gaussian, Likelihood
from bayesreg.priors import Prior
from bayesreg.priors.written import read_distribution, read_prior, read_priors, split

LIKELIHOODS: Mapping[str, Any] = {
    said: getattr(likelihoods, name) for said, name in families.spoken(families.LIKELIHOODS).items()
}


def parse_priors(text: str) -> dict[str, Prior]:
    """Read ``--priors``; see :func:`bayesreg.priors.written.read_priors`."""
    return read_priors(text, "--priors")


def parse_prior(text: str) -> Prior:
    """Read ``--prior``: one name or call."""
    return read_prior(text, "--prior")


def parse_lams(text: str | None) -> list[float] | None:
    """Read ``--lams``: numbers, separated by commas; None where nothing was given.

    Raises
    ------
    BadArgument
        If one is no number; whether it is a λ is judged by the path.

    Examples
    --------
    >>> parse_lams("1, 10,1e2")
    [1.0, 10.0, 100.0]
    """
    if text is None:
        return None
    parts = split(text, "--lams")
    try:
        return [float(part) for part in parts]
    except ValueError:
        raise BadArgument(
            f"--lams: {shortened(text, 60)!r} is no list of numbers such as 1,10,100"
        ) from None


def parse_sigma(text: str | None) -> Gaussian:
    """Read ``--sigma``: a number, or a distribution such as ``half_normal(50)``.

    Parameters
    ----------
    text : str or None
        None for the default, p(σ²) ∝ 1/σ².

    Returns
    -------
    Gaussian

    Raises
    ------
    BadArgument
        As :func:`parse_priors`.

    Examples
    --------
    >>> parse_sigma("54"), parse_sigma("half_normal(50.0)")
    (Gaussian(sigma=54.0), Gaussian(sigma=HalfNormal(scale=50.0)))
    """
    return Gaussian() if text is None else Gaussian(read_distribution(text, "--sigma"))


def parse_likelihood(
    name: str | None, sigma: str | None, positive: str | None, labels: Sequence[Any] = ()
) -> Likelihood:
    """Read ``--likelihood``, and of ``--sigma`` and ``--positive`` what belongs to it.

    Parameters
    ----------
    name, sigma, positive : str or None
        What was typed; gaussian unless said.
    labels : sequence
        The labels of the response, among which `positive` is one as text.

    Returns
    -------
    Likelihood

    Raises
    ------
    BadArgument
        If an option means nothing under this likelihood, or `positive` is no label.

    Examples
    --------
    >>> parse_likelihood("bernoulli", None, "false", (False, True))
    Bernoulli(positive=False)
    """
    cls = likelihood_class(name, sigma, positive)
    if not cls.takes_labels:
        return parse_sigma(sigma)
    found: Likelihood = cls() if positive is None else cls(_label(positive, labels))
    return found


def likelihood_class(name: str | None, sigma: str | None, positive: str | None) -> Any:
    """The class that ``--likelihood`` names; options that mean nothing under it are refused."""
    cls = LIKELIHOODS[name or snake(Gaussian.__name__)]
    takes = inspect.signature(cls).parameters
    if sigma is not None and "sigma" not in takes:
        raise BadArgument(
            f"--sigma: a {name} response has no noise sd; leave --sigma out (a prior's scale is "
            f"then in {cls.in_units})"
        )
    if positive is not None and "positive" not in takes:
        raise BadArgument(
            "--positive names a label of a yes/no response; add --likelihood bernoulli"
        )
    return cls


def _label(text: str, labels: Sequence[Any]) -> Any:
    """The label that a text stands for: itself, a number, or true and false."""
    for label in labels:
        spelt = {str(label), str(label).lower()} if isinstance(label, bool) else {str(label)}
        same = not isinstance(label, str) and number(text) == label
        if same or text in spelt:
            return label
    shown = [str(label) for label in labels]
    listed = ", ".join(map(repr, shown[:5])) + (", ..." if len(shown) > 5 else "")
    raise BadArgument(
        f"--positive: {shortened(text, 60)!r} is no label of the response"
        f"{did_you_mean(text, shown)} (it has {listed})"
    )
