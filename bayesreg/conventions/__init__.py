"""Every library's λ, one record each: what it minimises, and its arguments to and from λ₁ and λ₂.

Adding a library is one entry in the file of its home.
"""

from __future__ import annotations

from bayesreg.conventions.convention import Convention
from bayesreg.conventions.priors import PRIORS
from bayesreg.conventions.programs import PROGRAMS
from bayesreg.conventions.python import ELSEWHERE_IN_PYTHON, SPARSE, STATSMODELS
from bayesreg.conventions.r import R
from bayesreg.conventions.scikit_learn import SCIKIT_LEARN
from bayesreg.language.arguments import did_you_mean
from bayesreg.language.errors import BadArgument, NotSupported

CONVENTIONS: tuple[Convention, ...] = (
    *SCIKIT_LEARN,
    *STATSMODELS,
    *SPARSE,
    *ELSEWHERE_IN_PYTHON,
    *R,
    *PRIORS,
    *PROGRAMS,
)
NAMES = tuple(dict.fromkeys(one.name for one in CONVENTIONS))
# What has a λ or a C that is no penalty on coefficients: asked for, and refused with the reason.
NONE = {
    "xgboost.gbtree": "its lambda and alpha penalise the leaves of trees, and there are no "
    "coefficients; xgboost.gblinear has some",
    "torch.optim.AdamW": "its weight decay is decoupled from the loss (Loshchilov & Hutter 2019), "
    "so that no objective with a penalty is minimised; torch.optim.Adam has one",
    "sklearn.LinearSVC": "its hinge loss is −log L of no likelihood; use "
    "sklearn.LogisticRegression",
    "sklearn.SVR": "its ε-insensitive loss is −log L of no likelihood here",
}


def named(name: str) -> tuple[Convention, ...]:
    """The records of a library's function, by its full name or an end of it that only one has.

    Raises
    ------
    BadArgument
        If no function has that name, or several have it at the end; the message names the nearest.
    NotSupported
        If it has no penalty on coefficients.

    Examples
    --------
    >>> [one.lam1 for one in named("sklearn.linear_model.Lasso")]
    ['n * alpha']
    >>> named("GaussNet")[0].name
    'glmstar.GaussNet'
    """
    if not isinstance(name, str):
        raise BadArgument(f"a library is the name of its function, as text, not {name!r}")
    for other, reason in NONE.items():
        if _plain(name) == _plain(other):
            raise NotSupported(f"no conversion for {other}: {reason}")
    plain = _plain(name)
    found = [one for one in NAMES if _plain(one) == plain]
    found = found or [one for one in NAMES if _plain(one).endswith("." + plain)]
    if len(found) > 1:
        raise BadArgument(f"{name!r} is in several libraries: say {' or '.join(found)}")
    if not found:
        hint = did_you_mean(name, NAMES) or "."
        raise BadArgument(f"no conversion for {name!r}{hint} Known: {', '.join(NAMES)}")
    return tuple(one for one in CONVENTIONS if one.name == found[0])


def _plain(name: str) -> str:
    """Without upper case, and without the rooms inside scikit-learn and statsmodels."""
    plain = name.replace("::", ".").replace("-", "_").replace("scikit_learn", "sklearn").lower()
    return plain.replace("linear_model.", "").replace("statsmodels.api.", "statsmodels.")


__all__ = ["CONVENTIONS", "NAMES", "NONE", "Convention", "named"]
