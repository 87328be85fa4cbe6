"""Priors as they are typed: ``normal`` or ``laplace(scale=25)``, parsed and never evaluated."""

from __future__ import annotations

import ast
import inspect
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from bayesreg import likelihoods
from bayesreg import priors as classes
from bayesreg.data.files import number
from bayesreg.language import families
from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadArgument
from bayesreg.language.families import snake
from bayesreg.likelihoods import Gaussian, Likelihood
from bayesreg.priors import HyperPrior, Prior

PRIORS: Mapping[str, Any] = {
    said: getattr(classes, name) for said, name in families.spoken(families.PRIORS).items()
}
HYPERPRIORS: Mapping[str, Any] = {
    said: getattr(classes, name) for said, name in families.spoken(families.HYPERPRIORS).items()
}
LIKELIHOODS: Mapping[str, Any] = {
    said: getattr(likelihoods, name) for said, name in families.spoken(families.LIKELIHOODS).items()
}
LONGEST = 1000  # characters of one prior: no honest one comes near


def parse_priors(text: str) -> dict[str, Prior]:
    """Read ``--priors``: names or calls with arguments, separated by commas.

    Parameters
    ----------
    text : str
        Such as ``"normal,laplace(scale=25),horseshoe(scale=half_cauchy(0.5))"``.

    Returns
    -------
    dict of str to Prior
        By the text of each, in the order given.

    Raises
    ------
    BadArgument
        If a name or an argument is unknown, with the nearest; or a value means nothing.

    Examples
    --------
    >>> parse_priors("ridge(2), laplace(scale=25)")
    {'ridge(2)': Normal(scale=2.0, unit='y'), 'laplace(scale=25)': Laplace(scale=25.0, unit='y')}
    """
    priors: dict[str, Prior] = {}
    for part in split(text):
        if part in priors:
            raise BadArgument(f"--priors: {part!r} is given twice")
        priors[part] = _call(_parsed(part, "--priors"), PRIORS, "--priors", "prior")
    return priors


def parse_prior(text: str) -> Prior:
    """Read ``--prior``: one name or call.

    Parameters
    ----------
    text : str
        Such as ``"laplace"`` or ``"elastic_net(mix=0.3)"``.

    Returns
    -------
    Prior

    Raises
    ------
    BadArgument
        As :func:`parse_priors`, or if there are several.

    Examples
    --------
    >>> parse_prior("lasso")
    Laplace(scale=HalfCauchy(scale=1.0), unit='sigma')
    """
    parts = split(text, "--prior")
    if len(parts) > 1:
        raise BadArgument(
            f"--prior: {_short(text)} is {len(parts)} priors, and one λ is followed at a time; "
            "bayesreg compare takes several"
        )
    built: Prior = _call(_parsed(parts[0], "--prior"), PRIORS, "--prior", "prior")
    return built


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
            f"--lams: {_short(text)} is no list of numbers such as 1,10,100"
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
    if text is None:
        return Gaussian()
    tree = _parsed(text, "--sigma")
    if isinstance(tree, ast.Call | ast.Name):
        return Gaussian(_call(tree, HYPERPRIORS, "--sigma", "distribution"))
    return Gaussian(_literal(tree, "--sigma"))


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
        f"--positive: {_short(text)} is no label of the response{did_you_mean(text, shown)} "
        f"(it has {listed})"
    )


def split(text: str, option: str = "--priors") -> list[str]:
    """The parts between commas that stand outside brackets.

    Examples
    --------
    >>> split("normal, elastic_net(scale=1, mix=0.3)")
    ['normal', 'elastic_net(scale=1, mix=0.3)']
    """
    parts, depth = [""], 0
    for character in text:
        depth += (character in "([") - (character in ")]")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    if depth != 0:
        raise BadArgument(f"{option}: the brackets of {_short(text)} do not match")
    if not all(part.strip() for part in parts):
        raise BadArgument(f"{option}: {_short(text)} has nothing between two commas, or is empty")
    return [part.strip() for part in parts]


def _parsed(text: str, option: str) -> ast.expr:
    """The syntax tree of one specification; ``half-normal`` counts as ``half_normal``."""
    if len(text) > LONGEST:
        raise BadArgument(f"{option}: {_short(text)} has {len(text)} characters")
    joined = re.sub(r"(?<=[A-Za-z])-(?=[A-Za-z])", "_", text.strip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.parse(joined, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise BadArgument(
            f"{option}: {_short(text)} cannot be read; write a name, or a name with arguments such "
            "as 'laplace(scale=25)'"
        ) from None


def _call(tree: ast.expr, known: Mapping[str, Any], option: str, what: str) -> Any:
    """Build the prior that a name or a call stands for."""
    name_tree = tree.func if isinstance(tree, ast.Call) else tree
    if not isinstance(name_tree, ast.Name):
        raise BadArgument(
            f"{option}: {_short(ast.unparse(tree))} is no {what}; write one of {', '.join(known)}"
        )
    squashed = {_squash(name): name for name in known}
    key = _squash(name_tree.id)
    if key not in squashed:
        hint = did_you_mean(key, known)
        raise BadArgument(
            f"{option}: no {what} is called {_short(name_tree.id)}{hint} (there are "
            f"{', '.join(known)})"
        )
    cls = known[squashed[key]]
    if isinstance(tree, ast.Name):
        return _built(cls, squashed[key], [], {}, option)
    assert isinstance(tree, ast.Call)
    positional = [_value(arg, option) for arg in tree.args]
    named: dict[str, Any] = {}
    for keyword in tree.keywords:
        if keyword.arg is None:
            raise BadArgument(f"{option}: ** means nothing here")
        named[keyword.arg] = _value(keyword.value, option)
    return _built(cls, squashed[key], positional, named, option)


def _built(
    cls: Any, name: str, positional: list[Any], named: dict[str, Any], option: str
) -> Prior | HyperPrior:
    """Call a class, with the nearest argument named where one is unknown."""
    # `rest` is kept beside `mix` for its digits, `parts` is found from the data: no arguments.
    known = [p for p in inspect.signature(cls).parameters if p not in ("rest", "parts")]
    for key in named:
        if key not in known:
            hint = did_you_mean(key, known)
            takes = ", ".join(known) if known else "none"
            raise BadArgument(f"{option}: {name} has no argument {key!r}{hint} (it takes {takes})")
    try:
        inspect.signature(cls).bind(*positional, **named)
    except TypeError as error:
        raise BadArgument(f"{option}: {name}: {error} (it takes {', '.join(known)})") from None
    built: Prior | HyperPrior = cls(*positional, **named)
    return built


def _value(tree: ast.expr, option: str) -> Any:
    """A number, a list of numbers, a word, or a hyperprior."""
    if isinstance(tree, ast.Call):
        return _call(tree, HYPERPRIORS, option, "hyperprior")
    if isinstance(tree, ast.Name):
        if tree.id in {"y", "sigma"}:  # unit=sigma, without quotes inside the shell's
            return tree.id
        return _call(tree, HYPERPRIORS, option, "hyperprior")
    return _literal(tree, option)


def _literal(tree: ast.expr, option: str) -> Any:
    """A literal number, word or list."""
    try:
        value = ast.literal_eval(tree)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise BadArgument(
            f"{option}: {_short(ast.unparse(tree))} is no value; write a number, a list of "
            "numbers, or a distribution such as half_cauchy(0.5)"
        ) from None
    if isinstance(value, int | float | str | list | tuple):
        return list(value) if isinstance(value, tuple) else value
    raise BadArgument(f"{option}: {_short(ast.unparse(tree))} is no value that a prior takes")


def _squash(name: str) -> str:
    """``HalfCauchy``, ``half_cauchy`` and ``halfcauchy`` are one name."""
    return name.replace("_", "").lower()


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")
