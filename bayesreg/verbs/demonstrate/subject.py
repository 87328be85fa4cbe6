"""What a picture is asked about: a problem, or that of a result."""

from __future__ import annotations

from typing import Any

from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.language.text import listed
from bayesreg.likelihoods import Bernoulli
from bayesreg.model.problem import Problem
from bayesreg.results import ClosedForm, MapFit, Path, Posterior

ANY = ("joint", "cross_validation", "path_by_norm", "penalties", "before_data")  # any likelihood


def asked(data: Any) -> Any:
    """The problem of a fit, a posterior or another result; anything else as it is."""
    return data.problem if isinstance(data, MapFit | Posterior | ClosedForm | Path) else data


def subject(data: Any, picture: str, *, quadratic: bool = False) -> Problem:
    """The problem that a picture is about.

    Parameters
    ----------
    data : Problem, MapFit, Posterior, ClosedForm or Path
        Of a result its problem.
    picture : str
        Its name in ``demonstrate``.
    quadratic : bool, default False
        Whether it needs ½‖y − Xb‖², the loss of Gaussian().

    Raises
    ------
    BadArgument
        If it is something else.
    NotSupported
        If the loss is another, and which pictures serve then.
    """
    problem = asked(data)
    if not isinstance(problem, Problem):
        raise BadArgument(
            f"{picture} takes a problem, from br.Model(…).condition(X, y), or a fit or posterior "
            f"of one, not {type(problem).__name__}"
        )
    if quadratic:
        need_quadratic(problem, picture)
    return problem


def need_quadratic(problem: Problem, picture: str) -> None:
    """Refuse a loss that is not one quadratic, and name the pictures that serve."""
    if problem.exact:
        return
    own = ("yes_no",) if isinstance(problem.likelihood, Bernoulli) else ()
    raise NotSupported(
        f"{picture} is of ½‖y − Xb‖², the loss of Gaussian(), and not that of "
        f"{type(problem.likelihood).__name__}(), for which demonstrate has {listed(own + ANY)}"
    )
