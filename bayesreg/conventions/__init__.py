"""Every library's λ, one record each: what it minimises, and its arguments to and from λ₁ and λ₂.

Adding a library is one entry in the file of its home.
"""

from __future__ import annotations

from bayesreg.conventions.convention import Convention
from bayesreg.conventions.naming import as_written, found_among, unknown
from bayesreg.conventions.priors import PRIORS
from bayesreg.conventions.programs import PROGRAMS
from bayesreg.conventions.python import ELSEWHERE_IN_PYTHON, SPARSE, STATSMODELS
from bayesreg.conventions.r import R
from bayesreg.conventions.refused import REFUSED
from bayesreg.conventions.scikit_learn import SCIKIT_LEARN
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


def named(name: str | type) -> tuple[Convention, ...]:
    """The records of a library's function: by its name, an end that only one has, or its class.

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
    name = as_written(name)
    none = found_among(name, REFUSED)
    found = found_among(name, NAMES)
    if none and not found:
        raise NotSupported(f"no conversion for {none[0]}: {REFUSED[none[0]]}")
    if len(found) > 1:
        raise BadArgument(f"{name!r} is in several libraries: say {' or '.join(found)}")
    if not found:
        raise unknown(name, NAMES)
    return tuple(one for one in CONVENTIONS if one.name == found[0])


__all__ = ["CONVENTIONS", "NAMES", "REFUSED", "Convention", "named"]
