"""Priors as they are written: ``ridge`` or ``laplace(scale=25)``, parsed and never evaluated.

A likelihood is written in the same grammar: see :mod:`bayesreg.likelihoods.written`.
"""

from __future__ import annotations

import ast
import inspect
import re
import warnings
from collections.abc import Mapping
from typing import Any

from bayesreg.language import families
from bayesreg.language.arguments import did_you_mean, nearest
from bayesreg.language.errors import BadArgument
from bayesreg.language.misnamed import meant
from bayesreg.priors.base import Prior


def _spoken(room: Mapping[str, str]) -> Mapping[str, Any]:
    """The classes of a list of families, by every name that they have in a text."""
    found = families.classes("bayesreg.priors", room)
    return {said: found[name] for said, name in families.spoken(room).items()}


PRIORS = _spoken(families.PRIORS)
HYPERPRIORS = _spoken(families.HYPERPRIORS)
LONGEST = 1000  # characters of one prior: no honest one comes near


def prior_of(value: Any, option: str = "prior") -> Prior:
    """A prior, or the one that a text such as ``"ridge"`` or ``"laplace(scale=2)"`` stands for.

    Parameters
    ----------
    value : Prior or str
        A prior stays what it is.
    option : str, default "prior"
        How an error calls it.

    Returns
    -------
    Prior

    Raises
    ------
    BadArgument
        If it is neither; or a name, an argument or a value in the text means nothing.

    Examples
    --------
    >>> prior_of("laplace(scale=2)")
    Laplace(scale=2.0, unit='y')
    """
    if isinstance(value, Prior):
        return value
    if isinstance(value, str):
        return read_prior(value, option)
    text = value.__name__ if isinstance(value, type) else str(value)
    right = nearest(text.strip("()"), families.PRIORS) or "Laplace"
    raise BadArgument(
        f"{option} must be a prior such as br.{right}(), or its name as text such as "
        f"'{families.snake(right)}', not {value!r}"
    )


def read_prior(text: str, option: str = "prior") -> Prior:
    """One prior from its text: a name or a call.

    Raises
    ------
    BadArgument
        As :func:`read_priors`, or if there are several.

    Examples
    --------
    >>> read_prior("lasso")
    Laplace(scale=HalfCauchy(scale=1.0), unit='sigma')
    """
    parts = split(text, option)
    if len(parts) > 1:
        raise BadArgument(
            f"{option}: {_short(text)} is {len(parts)} priors, and one is meant here; "
            "compare takes several"
        )
    built: Prior = read_one(parts[0], PRIORS, option, "prior")
    return built


def read_priors(text: str, option: str = "priors") -> dict[str, Prior]:
    """Several priors from a text: names or calls with arguments, separated by commas.

    Parameters
    ----------
    text : str
        Such as ``"normal,laplace(scale=25),horseshoe(scale=half_cauchy(0.5))"``.
    option : str, default "priors"
        How an error calls it.

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
    >>> read_priors("ridge(2), laplace(scale=25)")
    {'ridge(2)': Normal(scale=2.0, unit='y'), 'laplace(scale=25)': Laplace(scale=25.0, unit='y')}
    """
    priors: dict[str, Prior] = {}
    for part in split(text, option):
        if part in priors:
            raise BadArgument(f"{option}: {part!r} is given twice")
        priors[part] = read_one(part, PRIORS, option, "prior")
    return priors


def read_distribution(text: str, option: str) -> Any:
    """A number, or the distribution of a positive unknown that a text stands for.

    Examples
    --------
    >>> read_distribution("half_normal(50.0)", "sigma"), read_distribution("54", "sigma")
    (HalfNormal(scale=50.0), 54)
    """
    tree = _parsed(text, option)
    if isinstance(tree, ast.Call | ast.Name):
        return _call(tree, HYPERPRIORS, option, "distribution")
    return _literal(tree, option)


def read_one(text: str, known: Mapping[str, Any], option: str, what: str) -> Any:
    """What a text, a name or a call, stands for among the classes `known` by their names."""
    return _call(_parsed(text, option), known, option, what)


def split(text: str, option: str = "priors") -> list[str]:
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
            "as 'laplace(scale=25)' or 'student_t(df=4)'"
        ) from None


def _call(tree: ast.expr, known: Mapping[str, Any], option: str, what: str) -> Any:
    """Build what a name or a call stands for."""
    name_tree = tree.func if isinstance(tree, ast.Call) else tree
    if not isinstance(name_tree, ast.Name):
        raise BadArgument(
            f"{option}: {_short(ast.unparse(tree))} is no {what}; write one of {', '.join(known)}"
        )
    squashed = {_squash(name): name for name in known}
    key = _squash(name_tree.id)
    if key not in squashed:
        ours = families.known_as(key, known)
        hint = did_you_mean(key, known) if ours is None else f"; it is called {ours!r} here"
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


def _built(cls: Any, name: str, positional: list[Any], named: dict[str, Any], option: str) -> Any:
    """Call a class, with the nearest argument named where one is unknown."""
    # `rest` is kept beside `mix` for its digits, `parts` and `classes` are found from the data.
    known = [p for p in inspect.signature(cls).parameters if p not in ("rest", "parts", "classes")]
    for key in named:
        if key not in known:
            ours = meant(key, known)
            hint = did_you_mean(key, known) if ours is None else f"; it is called {ours!r} here"
            takes = ", ".join(known) if known else "none"
            raise BadArgument(f"{option}: {name} has no argument {key!r}{hint} (it takes {takes})")
    try:
        inspect.signature(cls).bind(*positional, **named)
    except TypeError as error:
        raise BadArgument(f"{option}: {name}: {error} (it takes {', '.join(known)})") from None
    return cls(*positional, **named)


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
    raise BadArgument(f"{option}: {_short(ast.unparse(tree))} is no value that is taken here")


def _squash(name: str) -> str:
    """``HalfCauchy``, ``half_cauchy`` and ``halfcauchy`` are one name."""
    return name.replace("_", "").lower()


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")
