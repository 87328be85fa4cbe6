"""What a user calls a library's function: with its rooms, another case, or as the class itself."""

from __future__ import annotations

from collections.abc import Iterable

from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadArgument

# Homes by other names; R's packages have none.
_HOMES = {
    "scikit_learn": "sklearn",
    "sm": "statsmodels",
    "pyspark": "spark",
    "pytorch": "torch",
    "tf": "keras",
    "tensorflow": "keras",
}
_VERB = ".fit_regularized"  # of statsmodels, whose models are spoken of without it


def found_among(name: str, names: Iterable[str]) -> list[str]:
    """The names that `name` can be: itself, those that end so, or those of its home and class.

    Examples
    --------
    >>> known = ["sklearn.Lasso", "celer.Lasso", "glmnet", "statsmodels.OLS.fit_regularized"]
    >>> found_among("sklearn.linear_model.Lasso", known), found_among("glmnet::glmnet", known)
    (['sklearn.Lasso'], ['glmnet'])
    >>> found_among("lasso", known), found_among("statsmodels OLS", known)
    (['sklearn.Lasso', 'celer.Lasso'], ['statsmodels.OLS.fit_regularized'])
    """
    plain = {one: _plain(one) for one in names}
    asked = _plain(name)
    if not asked:
        return []
    home, _, rest = asked.partition(".")
    tries = [
        [one for one, text in plain.items() if text == asked],
        [one for one, text in plain.items() if text.endswith("." + asked)],
        [one for one, text in plain.items() if _ends(text) == _ends(asked)],
        found_among(rest, plain) if home == "r" else [],
    ]
    return next((found for found in tries if found), [])


def unknown(name: str, names: tuple[str, ...]) -> BadArgument:
    """No function is called so: the nearest of its library, or the libraries that there are."""
    if "(" in name:
        return BadArgument(
            f"{name!r} is a call: name the function, as 'sklearn.Lasso', and give its arguments as "
            "arguments, alpha=0.1"
        )
    home = _plain(name).partition(".")[0]
    own = [one for one in names if _plain(one).partition(".")[0] == home]
    if own:
        listed = f"Known of {own[0].partition('.')[0]}: {', '.join(own)}"
        return BadArgument(f"no conversion for {name!r}{did_you_mean(name, own) or '.'} {listed}")
    homes = ", ".join(dict.fromkeys(one.partition(".")[0] for one in names))
    return BadArgument(
        f"no conversion for {name!r}{did_you_mean(name, names) or '.'} Known are functions of "
        f"{homes}, such as {', '.join(names[:3])}"
    )


def as_written(name: object) -> str:
    """A name as text; a class stands for its own.

    Raises
    ------
    BadArgument
        If it is neither.
    """
    if isinstance(name, type):
        return f"{name.__module__.partition('.')[0]}.{name.__name__}"
    if not isinstance(name, str):
        raise BadArgument(f"a library is the name of its function, as text, not {name!r}")
    return name


def _plain(name: str) -> str:
    """Without upper case, spaces and the verb, with the home as it is called here."""
    text = name.strip().removesuffix("()").replace("::", ".").replace("-", "_").lower()
    text = ".".join(text.split()).removesuffix(_VERB).replace("cv.glmnet", "cv_glmnet")
    home, dot, rest = text.partition(".")
    return _HOMES.get(home, home) + dot + rest if dot else text


def _ends(plain: str) -> tuple[str, str]:
    """Home and class, without the rooms between."""
    parts = plain.split(".")
    return parts[0], parts[-1]
