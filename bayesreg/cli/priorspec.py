"""Options of the shell that are read as priors, numbers or likelihoods."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from bayesreg.data.files import number
from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadArgument
from bayesreg.language.families import snake
from bayesreg.language.text import shortened
from bayesreg.likelihoods.base import Likelihood
from bayesreg.likelihoods.written import likelihood_of
from bayesreg.priors import Prior
from bayesreg.priors.written import read_distribution, read_prior, read_priors, split


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


def parse_likelihood(
    text: str, sigma: str | None, positive: str | None, labels: Sequence[Any] | None = None
) -> Likelihood:
    """Read ``--likelihood``, and of ``--sigma`` and ``--positive`` what belongs to it.

    Parameters
    ----------
    text, sigma, positive : str or None
        What was typed: a likelihood, a number or distribution, a label.
    labels : sequence, optional
        The labels of the response, among which `positive` is one as text; not yet known, it is
        left out.

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
    >>> parse_likelihood("student_t(df=4)", "half_normal(50)", None)
    StudentTNoise(df=4.0, sigma=HalfNormal(scale=50.0))
    """
    found = likelihood_of(text, "--likelihood")
    name = snake(type(found).__name__)
    takes = {field.name for field in dataclasses.fields(found)}  # type: ignore[arg-type]
    given: dict[str, Any] = {}
    if sigma is not None:
        if "sigma" not in takes:
            raise BadArgument(
                f"--sigma: a {name} response has no noise sd; leave --sigma out (a prior's scale "
                f"is then in {found.in_units})"
            )
        given["sigma"] = read_distribution(sigma, "--sigma")
    if positive is not None:
        if "positive" not in takes:
            raise BadArgument(
                "--positive names a label of a yes/no response; add --likelihood bernoulli"
            )
        given |= {} if labels is None else {"positive": _label(positive, labels)}
    for field in given:
        if getattr(found, field) is not None:
            raise BadArgument(f"--{field} and --likelihood {text} both say {field}; leave one out")
    return dataclasses.replace(found, **given) if given else found  # type: ignore[type-var]


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
