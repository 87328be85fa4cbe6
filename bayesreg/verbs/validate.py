"""The verb validate: which tests, with what sizes, and what their findings come to."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bayesreg.engines import ENGINES, engine_named
from bayesreg.engines.chains import bar
from bayesreg.engines.kernel import Independent, Markov
from bayesreg.language.arguments import integer, settled_seed
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.language.misnamed import explained
from bayesreg.likelihoods import Gaussian
from bayesreg.model.model import Model
from bayesreg.priors import InverseGammaSquared, Prior
from bayesreg.validation import joint, recovery
from bayesreg.validation.calibration import FAULTS, calibrate
from bayesreg.validation.findings import Finding, Validation, calibrated, corrected
from bayesreg.validation.joint import MISFIT, alternate, misfit
from bayesreg.validation.recovery import REFERENCE, recover, reference, strays
from bayesreg.validation.trials import Trial, prepare
from bayesreg.verbs.fit import default_engine

CHECKS = ("calibration", "recovery", "joint")
LEVEL = 1e-3
# For each draw that is ranked: draws per chain without data, and joint chains.
_PER_DRAW, _CHAINS_PER_DRAW = 20, 2
_LOOKS = 12  # data sets for which an engine is chosen, where the choice is of the data too


@explained
def validate(
    model: Model | Prior,
    engine: Any = None,
    *,
    n: int = 10,
    p: int = 8,
    design: Any = None,
    standardize: bool = False,
    simulations: int = 600,
    draws: int = 100,
    seed: int | None = None,
    checks: Sequence[str] = CHECKS,
    truth: Model | Prior | None = None,
    level: float = LEVEL,
    progress: bool = True,
) -> Validation:
    r"""Test whether an engine's draws are of the posterior that a model defines.

    Three tests. *calibration*: θ* ~ p(θ), y ~ p(y | θ*); the rank of f(θ*, y) among draws from
    p(θ | y) must be uniform, for single β's, ‖b‖, log σ, log scale, the log prior density and the
    log likelihood. *recovery*: without data, draws are the prior's. *joint*: y | θ and one step of
    the chain θ | y in turn keep p(θ, y) (Markov chains only; a short run of any engine where the
    likelihood is on rows). P-values are corrected over all of them (Holm).

    With the default sizes and Normal priors, a prior scale off by 10 %, a variance taken for an sd,
    a Jacobian left out and an engine that ignores the data are each found with probability above
    .99, at a false-alarm rate of .001 (the first two, and the last, by calibration alone).

    Parameters
    ----------
    model : Model or Prior
        With proper priors throughout, since parameters are drawn from them. A prior alone is
        completed by Gaussian(InverseGammaSquared(3.0, 2.0)), and the notes say so.
    engine : str or engine, optional
        Unsaid, the one that ``br.sample`` would choose; of those that it would for several data
        sets the most general.
    n, p : int, default 10, 8
        Rows and columns of the design: correlated, unequal in mean and size, and scaled so that
        neither prior nor data decide alone.
    design : array, data frame or Design, optional
        Columns to use instead.
    standardize : bool, default False
        As in ``model.condition``.
    simulations : int, default 600
        Data sets.
    draws : int, default 100
        Nearly independent draws ranked in each (a Markov chain is run longer and thinned to its
        ESS). Without data 4 chains are 20 times as long; joint chains are twice as many, or on rows
        as many.
    seed : int, optional
        Drawn and recorded when not given.
    checks : sequence of str, default all three
        Which tests.
    truth : Model or Prior, optional
        Draw the truth from this model and fit the other: what a wrong prior would look like.
    level : float, default 0.001
        Probability that a correct engine is called wrong.
    progress : bool, default True
        Show progress on stderr, if that is a terminal.

    Returns
    -------
    Validation
        ``.ok``, ``.why``, ``.table``, ``.ranks``, ``.plot()``.

    Raises
    ------
    BadArgument
        If an argument means nothing.
    NotSupported
        If a prior is improper, or the engine does not serve the model.

    References
    ----------
    Talts, Betancourt, Simpson, Vehtari & Gelman (2018), https://arxiv.org/abs/1804.06788; Modrák et
    al. (2023), Bayesian Analysis, https://doi.org/10.1214/23-BA1404; Geweke (2004), JASA 99(467),
    https://doi.org/10.1198/016214504000001132; Säilynoja, Bürkner & Vehtari (2022), Statistics and
    Computing 32, https://doi.org/10.1007/s11222-022-10090-6.

    Examples
    --------
    >>> import bayesreg as br
    >>> model = br.Model(br.Normal(1.0), br.Gaussian(sigma=0.5))
    >>> found = br.validate(model, simulations=100, draws=50, seed=1)
    >>> found.ok, found.engine
    (True, 'exact')
    >>> br.validate(model, truth=br.Model(br.Normal(0.5), br.Gaussian(sigma=0.5)), seed=1).ok
    False
    """
    begin = time.perf_counter()
    root, wanted = settled_seed(seed), _checks(checks)
    simulations, draws = integer(simulations, "simulations", 20), integer(draws, "draws", 20)
    rows, columns = integer(n, "n", 3), integer(p, "p", 1)
    fitted, notes = _complete(model, "model")
    source = fitted if truth is None else _complete(truth, "truth")[0]
    trial = prepare(fitted, source, rows, columns, design, standardize=standardize, seed=root)
    chosen = _engine(engine, trial, root)
    with bar("validating", simulations, progress) as tick:
        tasks: dict[str, Callable[[], Found]] = {
            "calibration": lambda: _calibration(trial, chosen, simulations, draws, root, tick),
            "recovery": lambda: _recovery(trial, chosen, _PER_DRAW * draws, root, notes),
            "joint": lambda: _joint(trial, chosen, _CHAINS_PER_DRAW * draws, root, notes),
        }
        found = _gathered({name: tasks[name] for name in wanted})
    return Validation(
        model=fitted,
        engine=chosen.NAME,
        findings=corrected(found.findings),
        ranks=found.ranks,
        failures=tuple(found.failures),
        notes=tuple(notes),
        level=level,
        seed=root,
        wall=time.perf_counter() - begin,
    )


@dataclass(frozen=True, eq=False)
class Found:
    """What one test found, and what went wrong beside its p-values."""

    findings: list[Finding]
    failures: list[str] = field(default_factory=list)
    ranks: dict[str, Any] = field(default_factory=dict)


def _gathered(tasks: dict[str, Callable[[], Found]]) -> Found:
    """What all tests found; one that breaks down is a failure, and the others are still run."""
    total = Found([])
    for name, task in tasks.items():
        try:
            found = task()
        except FAULTS as error:
            found = Found([], [f"{name} broke down: {type(error).__name__}: {error}"])
        total.findings.extend(found.findings)
        total.failures.extend(found.failures)
        total.ranks.update(found.ranks)
    return total


def _calibration(
    trial: Trial, engine: Any, simulations: int, draws: int, seed: int, tick: Callable[[int], None]
) -> Found:
    """Ranks of the truth, and whether they are uniform."""
    found = calibrate(trial, engine, simulations=simulations, draws=draws, seed=seed, tick=tick)
    return Found(*calibrated(found), found.ranks)


def _recovery(trial: Trial, engine: Any, draws: int, seed: int, notes: list[str]) -> Found:
    """Draws without data against the prior."""
    if len(trial.problem.flat):
        notes.append("recovery left out: without data a Flat coefficient has no posterior")
        return Found([])
    try:
        found, how = recover(trial, engine, draws=draws, seed=seed)
    except NotSupported as error:
        notes.append(f"recovery left out: {error}")
        return Found([])
    if how != "X'X = 0":
        notes.append(f"recovery with {how}")
    return Found(_against(found, reference(trial, seed), "recovery", recovery.effective))


def _joint(trial: Trial, engine: Any, chains: int, seed: int, notes: list[str]) -> Found:
    """Joint chains against the prior and the law of the misfit."""
    if not trial.problem.exact:
        return _joint_on_rows(trial, engine, chains, seed, notes)
    if not isinstance(engine.KERNEL, Markov):
        kind = "independent draws" if isinstance(engine.KERNEL, Independent) else "its own chains"
        notes.append(f"joint left out: engine {engine.NAME!r} has {kind}, no step to alternate")
        return Found([])
    small = trial.few()
    found = alternate(small, engine, chains=chains, seed=seed)
    prior = {**reference(small, seed), MISFIT: misfit(small, REFERENCE, seed)}
    return Found(_against(found, prior, "joint", joint.effective))


def _joint_on_rows(trial: Trial, engine: Any, chains: int, seed: int, notes: list[str]) -> Found:
    """Joint chains whose steps are short runs of the engine, of any kind."""
    small, chains = trial.few(), max(chains // 2, 20)
    notes.append(f"joint by {chains} chains of {joint.STEPS} short runs each")
    found = joint.alternate_runs(small, engine, chains=chains, seed=seed)
    prior = reference(small, seed)
    prior[joint.LIKELIHOOD] = joint.log_likelihood(small, joint.LIKELY, seed)
    return Found(_against(found, prior, "joint", joint.effective))


def _against(found: Any, prior: Any, check: str, effective: Any) -> list[Finding]:
    """One finding per quantity."""
    told = strays(found, prior, effective)
    return [Finding(check, name, p, seen) for name, (p, seen) in told.items()]


def _complete(model: Any, name: str) -> tuple[Model, list[str]]:
    """A model; a prior alone gets a proper prior for σ."""
    if isinstance(model, Model):
        return model, []
    if isinstance(model, Prior):
        likelihood = Gaussian(InverseGammaSquared(3.0, 2.0))
        return Model(model, likelihood), [f"σ was given {likelihood.sigma!r}: it must be proper"]
    raise BadArgument(f"{name} must be a Model or a prior such as br.Laplace(), not {model!r}")


def _by_default(trial: Trial, seed: int) -> str:
    """What ``br.sample`` would choose; of what it would for several data sets the most general."""
    if trial.problem.exact:
        return default_engine(trial.problem)[0]
    names, truths = [], trial.truths(_LOOKS, seed)
    for k in range(_LOOKS):
        try:
            y = trial.response(truths.row(k), np.random.default_rng([seed, k]))
            names.append(default_engine(trial.given(y))[0])
        except FAULTS:  # as the calibration will say
            continue
    return max(names or [default_engine(trial.problem)[0]], key=list(ENGINES).index)


def _engine(engine: Any, trial: Trial, seed: int) -> Any:
    """The engine's module, which must serve the model."""
    if engine is None:
        engine = _by_default(trial, seed)
    if isinstance(engine, str):
        engine = engine_named(engine)
    engine = getattr(engine, "UNGATED", engine)
    reason = engine.supports(trial.problem)
    if reason is not None:
        raise NotSupported(
            f"engine {engine.NAME!r} cannot serve: {reason}; use "
            f"engine={default_engine(trial.problem)[0]!r}"
        )
    return engine


def _checks(checks: Sequence[str]) -> list[str]:
    """The tests asked for, in our order."""
    asked = [checks] if isinstance(checks, str) else list(checks)
    unknown = [name for name in asked if name not in CHECKS]
    if unknown or not asked:
        raise BadArgument(f"checks must be some of {', '.join(CHECKS)}, not {checks!r}")
    return [name for name in CHECKS if name in asked]
