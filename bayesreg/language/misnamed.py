"""Arguments under the names that other libraries give them: refused, with ours beside.

One table of words serves every public function, constructor and method. What an argument is called
here is read off the signature, so that a word is explained wherever one of its kind is taken.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from types import FunctionType
from typing import Any, cast

from bayesreg.language.arguments import nearest
from bayesreg.language.errors import UnknownArgument

# What is one thing in different mouths. The name that a signature has is the one meant; where it
# has several, the first of these.
_ALIKE = (
    "seed random_state random_seed rng rng_seed set_seed",
    "level hdi_prob ci_prob ci prob alpha confidence confidence_level conf_level cred_mass hdi",
    "level coverage credible_level conf_int conf interval",
    "draws n_samples samples num_samples n_draws ndraws iter n_iter mcmc_samples",
    "chains n_chains num_chains nchains",
    "tune warmup n_tune num_warmup n_warmup burn_in burnin burn n_burn",
    "standardize standardise standardized standardised normalize normalise scale_X scale",
    "standardized standardize standardise standardised",
    "intercept fit_intercept add_intercept add_constant",
    "weights sample_weight sample_weights freq_weights frequencies weight",
    "loc mu mean location center centre",
    "scale sigma sd std stdev stddev tau b s width beta diversity spread",
    "sigma scale sd std noise noise_sd s",
    "df nu dof degrees_of_freedom",
    "mix l1_ratio rho ratio",
    "l1_ratio mix rho",
    "rate lam lambda_ beta",
    "rate scale",
    "slab_scale slab c slab_sd",
    "q p power exponent",
    "shape a alpha concentration",
    "lower a low left",
    "upper b high right",
    "a alpha shape",
    "b beta rate",
    "b scale",
    "expected_nonzero p0 n_nonzero m0 m",
    "likelihood family noise link distribution",
    "prior priors penalty regularization regularisation regularizer models",
    "priors models prior",
    "engine sampler nuts_sampler backend algorithm method",
    "solver optimizer optimiser algorithm method",
    "lams lam lambdas alphas lambda_ lambda_path alpha reg_lambda",
    "n n_alphas n_lambdas nlambda num n_lams n_samples n_rows size nsim",
    "hyper hyperparameters tuning method",
    "by rule criterion criteria rules method metric scoring",
    "folds cv k n_splits nfolds",
    "kind type which style plot_type",
    "ax axes axis axs",
    "X data df x features newdata exog new_data",
    "y target response endog outcome label",
    "eps epsilon rope threshold",
    "return_std std return_sd se",
    "positive pos_label positive_class event_level",
    "verify check validate",
    "path file filename fname",
    "overwrite force exist_ok replace",
)
_PENALTY = frozenset({"lam", "lambda_", "lambd", "lmbda", "alpha", "penalty", "reg_lambda", "C"})
# What has no counterpart, and why nothing is missed.
_NEEDLESS = {
    "a solver runs until its optimum is certified": (
        "max_iter maxiter max_iterations tol ftol gtol atol rtol warm_start"
    ),
    "chains run on the cores that there are": "n_jobs cores num_cores threads workers",
    "an engine settles its own steps": "target_accept max_treedepth step_size initvals init",
    "a figure has its own: result.plot() returns axes, and axes know their figure": (
        "figsize figure_size fig title color colour"
    ),
    "what is passed is never changed": "copy_X copy inplace",
    "the weight of a class is no frequency of rows, and spoils every probability; where yes and no "
    "differ in cost, or were sampled at other rates, shift the log-odds afterwards, "
    "decision_function(X) + log(w₁/w₀)": "class_weight class_weights class_prior",
}


def explained[Item: Callable[..., Any]](item: Item) -> Item:
    """A public function, or a class for its constructors: unknown arguments are explained.

    Parameters
    ----------
    item : function or class
        Its signature stays what it was, for readers, tools and type checkers.

    Raises
    ------
    UnknownArgument
        From the function itself, when an argument has a name that it does not take.
    """
    if not isinstance(item, type):
        return cast("Item", _checked(item, item.__name__))
    for name, attribute in list(vars(item).items()):
        if name == "__init__":
            item.__init__ = _checked(attribute, item.__name__)  # type: ignore[misc]
        elif isinstance(attribute, classmethod) and not name.startswith("_"):
            said = f"{item.__name__}.{name}"
            setattr(item, name, classmethod(_checked(attribute.__func__, said)))
    return item


def explained_throughout[Item: type](item: Item) -> Item:
    """A class whose public methods explain unknown arguments as its constructors do."""
    explained(item)
    for name, attribute in list(vars(item).items()):
        if isinstance(attribute, FunctionType) and not name.startswith("_"):
            setattr(item, name, _checked(attribute, name))
    return item


def _checked(function: Callable[..., Any], said: str) -> Callable[..., Any]:
    known = inspect.signature(function).parameters
    if any(one.kind is one.VAR_KEYWORD for one in known.values()):
        return function
    names = frozenset(known)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not names.issuperset(kwargs):
            owner = args[0] if args and isinstance(args[0], type) else type(args[0] if args else 0)
            name = next(key for key in kwargs if key not in names)
            raise UnknownArgument(_advice(said, name, kwargs[name], known, owner))
        return function(*args, **kwargs)

    return call


def _advice(said: str, name: str, value: Any, known: Mapping[str, Any], owner: type) -> str:
    """What the argument is called here, or why there is none."""
    taken = [key for key in known if key not in ("self", "cls", "rest", "parts")]
    begin = f"{said}() has no argument {name!r}"
    if name in _PENALTY and "scale" in taken and hasattr(owner, "from_scales"):
        return f"{begin}: for penalties write {owner.__name__}.from_scales(laplace=, normal=)"
    if name in _PENALTY and "scale" in taken and hasattr(owner, "from_lam"):
        asks = ", ".join(f"{key}=" for key in inspect.signature(owner.from_lam).parameters)
        return (
            f"{begin}: its scale settles λ; for a given λ write {owner.__name__}.from_lam({asks})"
        )
    ours = meant(name, taken)
    if ours is not None:
        return f"{begin}: it is called {ours!r} here{_beware(name, ours, value)}"
    if name in _PENALTY and not {"prior", "problem"}.isdisjoint(taken):
        return f"{begin}: λ follows from the prior's scale, as in prior=br.Normal.from_lam(λ)"
    for why, names in _NEEDLESS.items():
        if name in names.split():
            return f"{begin}, and needs none: {why}"
    near = nearest(name, taken)
    hint = "" if near is None else f"; did you mean {near!r}?"
    return f"{begin}{hint} (it takes {', '.join(taken) if taken else 'none'})"


def meant(name: str, taken: Iterable[str]) -> str | None:
    """Which of the arguments taken is meant by another library's name for it; None if none is."""
    words = (word for row in _ALIKE if name in row.split() for word in row.split())
    return next((word for word in words if word in taken), None)


def _beware(name: str, ours: str, value: Any) -> str:
    """What differs beside the name."""
    if ours == "level":
        inside = 1.0 - value if name == "alpha" and isinstance(value, float) else 0.95
        return f", the probability inside the interval: level={inside:.6g}"
    if ours == "mix":
        return ", the weight of |β|/s in the log density, which is no library's l1_ratio"
    if (name, ours) == ("scale", "rate"):
        return ", and is 1/scale"
    if ours == "draws":
        return ": draws of each chain after warm-up"
    return ""
