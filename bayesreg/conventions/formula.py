"""Formulae as text: arithmetic that is printed as it stands, and evaluated as it is printed.

A convention is data, and so are its formulae: ``"n * alpha * l1_ratio"``. They are made of numbers,
names, + − × ÷, powers and ``sqrt``; nothing else is read, and nothing is executed.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from bayesreg.language.errors import BadArgument

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.Pow: operator.pow,
}
# What a name of a formula is called in print.
SYMBOLS = {
    "lam1": "λ₁",
    "lam2": "λ₂",
    "lam": "(λ₁ + λ₂)",
    "share": "λ₁/(λ₁ + λ₂)",
    "n": "N",
    "rows": "rows",
    "sd_y": "sd(y)",
    "scale_y": "sd(y)",
    "sigma": "σ",
    "phi": "φ",
}


class Missing(Exception):
    """A name of a formula that has no value here."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@cache
def _tree(formula: str) -> ast.expr:
    """The syntax tree; ``lambda``, which other languages allow as a name, is one here too."""
    return ast.parse(re.sub(r"\blambda\b", "_lambda", formula), mode="eval").body


def names_in(formula: str) -> tuple[str, ...]:
    """The names of a formula, in order of appearance.

    Examples
    --------
    >>> names_in("n * lambda * sqrt(alpha) / n")
    ('n', 'lambda', 'alpha')
    """
    found = re.findall(r"[A-Za-z_]\w*", formula)
    return tuple(dict.fromkeys(name for name in found if name != "sqrt"))


def evaluate(formula: str, values: Mapping[str, Any]) -> Any:
    """The value of a formula; division by zero is ∞, and what is multiplied by 0 is not asked for.

    Raises
    ------
    Missing
        If a name that matters has no value, or None.

    Examples
    --------
    >>> evaluate("n * alpha / 2", {"n": 10, "alpha": 3.0})
    15.0
    >>> evaluate("lam2 * sd_y", {"lam2": 0.0})
    0.0
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        found = _value(_tree(formula), values)
    return float(found) if np.ndim(found) == 0 else found


def _value(node: ast.expr, values: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            found = values.get(name.removeprefix("_"))
            if found is None:
                raise Missing(name.removeprefix("_"))
            return np.asarray(found, dtype=float)
        case ast.Call(func=ast.Name(id="sqrt"), args=[inner]):
            return np.sqrt(_value(inner, values))
        case ast.BinOp(left=left, op=op, right=right):
            first = _value(left, values)
            if isinstance(op, ast.Mult | ast.Div) and not np.any(first):
                return first  # 0·x = 0/x = 0, whatever x is
            return _OPERATORS[type(op)](first, _value(right, values))
    raise BadArgument(f"no formula of a convention: {ast.unparse(node)}")


def spoken(formula: str) -> str:
    """A formula as it is printed.

    Examples
    --------
    >>> spoken("n * lambda * (1 - alpha) / scale_y"), spoken("sqrt(phi / lam2)")
    ('N·lambda·(1 − alpha)/sd(y)', '√(φ/λ₂)')
    """
    text = re.sub(r"[A-Za-z_]\w*", lambda found: SYMBOLS.get(found[0], found[0]), formula)
    text = text.replace("**2", "²").replace("sqrt", "√").replace(" * ", "·").replace(" / ", "/")
    return text.replace(" - ", " − ")


def latex(text: str) -> str:
    r"""An objective or a printed formula in LaTeX, without the dollars.

    Examples
    --------
    >>> print(latex("‖y − β₀ − Xβ‖²/(2N) + alpha·‖β‖₁"))
    \lVert y - \beta_0 - X\beta\rVert^2/(2N) + \mathrm{alpha}\cdot \lVert \beta\rVert_1
    """
    bars = iter(["\\lVert ", "\\rVert "] * text.count("‖"))
    text = re.sub("‖", lambda _: next(bars), text)
    text = re.sub(
        r"(?<![\\A-Za-z])[A-Za-z][A-Za-z0-9_]+",
        lambda word: r"\mathrm{" + word[0].replace("_", r"\_") + "}",
        text,
    )
    for symbol, written in _LATEX.items():
        text = text.replace(symbol, written)
    return re.sub(r"\\rVert ([\^_])", r"\\rVert\1", text).strip()


_LATEX = {
    "β": r"\beta",
    "λ": r"\lambda",
    "σ": r"\sigma",
    "φ": r"\varphi",
    "η": r"\eta",
    "ε": r"\varepsilon",
    "Σ": r"\sum ",
    "½": r"\tfrac{1}{2}",
    "√": r"\surd",
    "−": "-",
    "·": r"\cdot ",
    "²": "^2",
    "₀": "_0",
    "₁": "_1",
    "₂": "_2",
    "ⱼ": "_j",
    "ᵢ": "_i",
    **{
        rf"\mathrm{{{word}}}": rf"\text{{ {word} }}" for word in ("with", "over", "for", "or", "at")
    },
    r"\mathrm{exp}": r"\exp",
    r"\mathrm{log}": r"\log",
}
