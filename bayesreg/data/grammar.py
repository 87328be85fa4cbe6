"""The grammar of formulas: quoted columns, terms and factors as formulaic parses them.

A column whose name is no Python identifier, or is the name of a function, goes into the formula
under an alias. So `` `1` `` is a column and never the intercept, and a factor called ``contr`` or
``scale`` is a column beside the function of that name.
"""

from __future__ import annotations

import ast
import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadArgument

_PIECES = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)""")
# patsy's way to quote a name
_PATSY_QUOTE = re.compile(r"""\bQ\(\s*("[^"\\`]*"|'[^'\\`]*')\s*\)""")
_ALIAS = re.compile(r"(?:(?<=:)|^)_column_\d+_(?=[:\[]|$)|_column_\d+_")


@dataclass(frozen=True)
class Parsed:
    """A formula in formulaic's terms.

    Attributes
    ----------
    formula : str
        As it was written.
    left : formulaic term
        The response; the first of ``cbind(successes, failures)``.
    right : tuple of formulaic terms
    sources : mapping of str to str
        The column of the frame that stands behind each name of a column in the terms.
    lost : formulaic term or None
        The second of ``cbind(successes, failures)``.
    offsets : tuple of formulaic terms
        What stands in ``offset(...)``, and has the coefficient one.
    """

    formula: str
    left: Any
    right: tuple[Any, ...]
    sources: Mapping[str, str]
    lost: Any = None
    offsets: tuple[Any, ...] = ()

    @property
    def response(self) -> tuple[Any, ...]:
        """The terms of the response: one, or successes and failures."""
        return (self.left,) if self.lost is None else (self.left, self.lost)

    @property
    def terms(self) -> tuple[Any, ...]:
        """Every term that reads the frame."""
        return (*self.response, *self.right, *self.offsets)

    def read(self, terms: Iterable[Any]) -> dict[str, str]:
        """The names that terms read, and the column of the frame behind each."""
        factors = (factor for term in terms for factor in term.factors)
        return {name: self.sources.get(name, name) for name in sorted(_names_read(factors))}

    def shown(self, text: str) -> str:
        """A name made by formulaic with the columns called as the frame calls them."""
        return _ALIAS.sub(lambda found: self._unaliased(found, len(text)), text)

    def _unaliased(self, found: re.Match[str], length: int) -> str:
        name = self.sources.get(found[0], found[0])
        text, start, stop = found.string, found.start(), found.end()
        alone = (start == 0 or text[start - 1] == ":") and (stop == length or text[stop] in ":[")
        return name if alone else f"`{name}`"

    def term_name(self, term: Any) -> str:
        """A term as text; a column whose name holds the sign of interactions stays quoted."""
        return ":".join(self._factor_name(factor) for factor in term.factors)

    def _factor_name(self, factor: Any) -> str:
        name = self.shown(factor.expr)
        return f"`{name}`" if ":" in name and factor.eval_method.value == "lookup" else name


def parse(formula: str, columns: Sequence[str]) -> Parsed:
    """The response and the terms of a formula on a frame with these columns.

    Raises
    ------
    BadArgument
        If the text is no formula of one response, or calls what is no function of formulaic.
    """
    from formulaic import Formula, SimpleFormula
    from formulaic.errors import FormulaicError

    if not isinstance(formula, str):
        raise BadArgument(f"formula must be text such as 'y ~ x', not {type(formula).__name__}")
    text, sources = _aliased(formula, columns)
    known = {column: alias for alias, column in sources.items()}
    context = {"__formulaic_variables_available__": [known.get(name, name) for name in columns]}
    try:
        parsed = Formula(text, _context=context)
    except (FormulaicError, SyntaxError) as error:
        raise BadArgument(f"formula {formula!r} cannot be read: {plain(error)}") from None
    if isinstance(parsed, SimpleFormula) or set(parsed._structure) != {"lhs", "rhs"}:
        raise BadArgument(f"formula {formula!r} has no response; write 'y ~ x'")
    if not isinstance(parsed.lhs, SimpleFormula) or len(parsed.lhs) != 1:
        raise BadArgument(f"formula {formula!r} must have one response on the left of ~")
    if not isinstance(parsed.rhs, SimpleFormula):
        raise BadArgument(f"formula {formula!r} has several parts; '|' has no meaning here")
    left = _arguments(parsed.lhs[0], "cbind", 2) or (parsed.lhs[0],)
    offsets = {term: _arguments(term, "offset", 1) for term in parsed.rhs}
    return Parsed(
        formula,
        left[0],
        tuple(term for term, inside in offsets.items() if inside is None),
        sources,
        left[1] if len(left) == 2 else None,
        tuple(inside[0] for inside in offsets.values() if inside is not None),
    )


def _arguments(term: Any, function: str, count: int) -> tuple[Any, ...] | None:
    """The arguments of a call of ``offset`` or ``cbind`` as terms; None if the term is none.

    Raises
    ------
    BadArgument
        If it is multiplied by something, or has other arguments.
    """
    calls = [_call(factor, function) for factor in term.factors]
    if not any(calls):
        return None
    (call, *others) = calls
    if others or call is None or call.keywords or len(call.args) != count:
        what = "offset(z) alone, a part of the prediction with coefficient one"
        if function == "cbind":
            what = "cbind(successes, failures), the response of a Binomial likelihood"
        raise BadArgument(f"{term} is no term of a formula; write {what}")
    return tuple(_term_of(type(term), type(term.factors[0]), one) for one in call.args)


def _call(factor: Any, function: str) -> ast.Call | None:
    """The call of a function that a factor is."""
    if factor.eval_method.value != "python":
        return None
    body = ast.parse(factor.expr, mode="eval").body
    if isinstance(body, ast.Call) and isinstance(body.func, ast.Name) and body.func.id == function:
        return body
    return None


def _term_of(term: Any, factor: Any, expression: ast.expr) -> Any:
    """An expression as a formulaic term: a column, or what Python makes of columns."""
    method = "lookup" if isinstance(expression, ast.Name) else "python"
    return term([factor(ast.unparse(expression), eval_method=method)])


def with_response(formula: str, name: str) -> str:
    """A formula of one side with a column for its response; one of two sides as it is.

    Examples
    --------
    >>> with_response("x + C(g)", "y"), with_response("~ x", "a b"), with_response("z ~ x", "y")
    ('`y` ~ x + C(g)', '`a b` ~ x', 'z ~ x')
    """
    pieces = _PIECES.split(formula)
    at = next((k for k, piece in enumerate(pieces) if k % 2 == 0 and "~" in piece), None)
    if at is None:
        return f"`{name}` ~ {formula.strip()}"
    left, right = pieces[at].split("~", 1)
    if "".join([*pieces[:at], left]).strip():
        return formula
    return f"`{name}` ~ {''.join([right, *pieces[at + 1 :]]).strip()}"


def plain(error: BaseException) -> str:
    """A formulaic message without terminal colours, its mark written >>so<<."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).replace("⧛", ">>").replace("⧚", "<<")
    return " ".join(text.split())


def same(one: str, other: str) -> bool:
    """Whether two texts name one term: blanks and the order of an interaction do not count.

    Examples
    --------
    >>> same("C(g):x", "x:C(g)"), same("poly(x,2)", "poly(x, 2)"), same("x:z", "x")
    (True, True, False)
    """
    return _normal(one) == _normal(other)


def _normal(text: str) -> frozenset[str]:
    """The factors of a term's name, each as Python would write it."""
    parts, depth, last = [""], 0, ""
    for piece in _PIECES.split(text):
        if piece[:1] in ("'", '"', "`"):
            parts[-1] += piece
            continue
        for last in piece:
            depth += (last in "([{") - (last in ")]}")
            if last == ":" and depth == 0:
                parts.append("")
            else:
                parts[-1] += last
    return frozenset(map(_unparsed, parts))


def _unparsed(text: str) -> str:
    try:
        return ast.unparse(ast.parse(text.strip(), mode="eval"))
    except (SyntaxError, ValueError):  # quoted columns, and names that are no expressions
        return " ".join(text.split())


def _aliased(formula: str, columns: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The formula with aliases for columns that need them, and the column behind each alias."""
    from formulaic.transforms import TRANSFORMS

    place = {name: k for k, name in enumerate(columns)}
    sources: dict[str, str] = {}

    def alias(name: str) -> str:
        if _is_plain(name) and name not in TRANSFORMS:
            return name
        short = f"_column_{place.setdefault(name, len(place))}_"
        sources[short] = name
        return short

    formula = _PATSY_QUOTE.sub(lambda found: f"`{found[1][1:-1]}`", formula)
    pieces = _PIECES.split(formula)
    bare = [name for name in columns if name.isidentifier() and not keyword.iskeyword(name)]
    bare = [name for name in bare if alias(name) != name]
    word = re.compile(
        rf"(?<![\w.])({'|'.join(map(re.escape, bare)) or '(?!)'})(?!\w|\s*[(.]|\s*=[^=])"
    )
    for k, piece in enumerate(pieces):
        if piece.startswith("`"):
            pieces[k] = f" {alias(piece[1:-1])} "
        elif not piece.startswith(("'", '"')):
            pieces[k] = word.sub(lambda found: alias(found[1]), piece)
    for name in columns:  # that a dot may stand for
        alias(name)
    return "".join(pieces), sources


def _is_plain(name: str) -> bool:
    """Whether a name means itself in Python, which reads identifiers in normal form."""
    return (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and unicodedata.normalize("NFKC", name) == name
        and not name.startswith(("_column_", "__"))
    )


def _names_read(factors: Iterable[Any]) -> set[str]:
    """Names that formula factors read; an unknown function is an error."""
    from formulaic.transforms import TRANSFORMS

    found: set[str] = set()
    for factor in factors:
        if factor.eval_method.value == "lookup":
            found.add(factor.expr)
        elif factor.eval_method.value == "python":
            names, called = _names_in(factor.expr)
            for name in called - set(TRANSFORMS):
                hint = did_you_mean(name, TRANSFORMS)
                raise BadArgument(
                    f"the formula calls {name!r}, which is no function known to formulaic{hint}"
                )
            found |= names - set(TRANSFORMS)
    return found


def _names_in(expression: str) -> tuple[set[str], set[str]]:
    """Names used as values and names called, in a Python expression."""
    tree = ast.parse(expression, mode="eval")
    called = {id(node.func): node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    roots: dict[int, str] = {}
    for function in called.values():
        root = function
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name) and (root is function or root.id == "contr"):
            roots[id(root)] = root.id
    names = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in roots
    }
    return names, set(roots.values())
