"""How an engine is run: arguments, seeds, warm-up, chains and Draws, written once for all."""

from __future__ import annotations

import threading
import time
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.engines.chains import (
    Advance,
    Collected,
    Output,
    Plan,
    Start,
    collect,
    one_blas_thread,
)
from bayesreg.engines.draws import Draws
from bayesreg.engines.kernel import Engine, External, Independent, Markov, Request, SideBySide
from bayesreg.engines.layout import form_of
from bayesreg.language.arguments import integer, settled_seed
from bayesreg.language.errors import NotSupported
from bayesreg.language.warned import warn

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem


# PyTensor's compiler and the BLAS thread limit are process-wide, so runs take turns.
_LOCK = threading.RLock()  # a run may have another one inside
_IID_BLOCK = 100_000
_UNSAID = 0  # of a plan's thinning, until the kernel's cost is known


def run(
    engine: Engine,
    problem: Problem,
    *,
    draws: int = 1000,
    chains: int = 4,
    tune: int | None = None,
    seed: int | None = None,
    progress: bool = True,
    workers: int | None = None,
    thin: int | None = None,
    compiled: bool | None = None,
) -> Draws:
    """Run an engine on a problem.

    Parameters
    ----------
    engine : module
        A module of ``bayesreg.engines.ENGINES``, as `engine_named` gives it.
    problem : Problem
        What to sample.
    draws, chains : int
        Draws kept per chain, and chains.
    tune : int, optional
        Warm-up iterations per chain; by default what the engine needs (none where draws are
        independent).
    seed : int, optional
        Root of one ``SeedSequence.spawn`` per chain; drawn and recorded if not given.
    progress : bool, default True
        Whether to show progress on stderr, if that is a terminal.
    workers : int, optional
        Threads to share the chains among (processes for PyMC); by default as many as there are
        cores, where that pays. The draws do not depend on it.
    thin : int, optional
        Keep every thin-th iteration of a Markov chain. Unsaid, as many as are nearly free: up to 5
        where a chain then still takes less than about 0.1 s, by a count of its operations.
    compiled : bool, optional
        For an engine with a compiled kernel and the same chain in NumPy, which of them to run;
        unsaid, the one that is over first where nothing is compiled yet, by the same count.

    Returns
    -------
    Draws

    Raises
    ------
    BadArgument
        If a number is not a positive integer (`seed`: not negative).
    NotSupported
        If the engine does not serve the problem.
    KeyboardInterrupt
        If interrupted before every chain had kept a draw. Later, what was drawn is returned with
        ``complete=False`` and a warning.

    References
    ----------
    O'Neill (2014), "PCG", and NumPy's ``SeedSequence`` for streams that do not overlap,
    https://numpy.org/doc/stable/reference/random/parallel.html.

    Examples
    --------
    >>> import bayesreg as br
    >>> from bayesreg.engines import base
    >>> from bayesreg.gaussian import direct
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal()).condition(data.X, data.y, standardize=True)
    >>> draws = base.run(direct, problem, draws=500, chains=2, seed=1)
    >>> draws.beta.shape, draws.scale_labels
    ((2, 500, 10), ('normal',))
    """
    plan, chains, root = _arguments(engine.KERNEL, draws, chains, tune, seed, thin)
    workers = None if workers is None else integer(workers, "workers")
    reason = engine.supports(problem)
    if reason is not None:
        raise NotSupported(f"engine {engine.NAME!r} cannot serve: {reason}")
    begin, streams = time.perf_counter(), _streams(root, engine.NAME, chains)
    with _LOCK:
        found, thin, apart = _collect(
            engine.KERNEL, problem, plan, [s[0] for s in streams], workers, progress, compiled
        )
        if found.shortest == 0:
            raise KeyboardInterrupt
        with one_blas_thread():
            arrays = _assemble(problem, found, [s[1] for s in streams])
    result = Draws(
        **arrays,
        scale_labels=problem.unknown_scales,
        engine=engine.NAME,
        seed=root,
        warmup=plan.tune if found.warmup is None else found.warmup,
        independent=isinstance(engine.KERNEL, Independent),
        complete=found.complete,
        wall=time.perf_counter() - begin - apart,
        problem=problem,
        thin=thin,
    )
    if not found.complete:
        kept = f"{found.shortest} of {plan.draws} draws kept in each of {len(found.kept)} chains"
        warn(f"interrupted: {kept}")
    return result


def _arguments(
    kernel: Any, draws: Any, chains: Any, tune: Any, seed: Any, thin: Any
) -> tuple[Plan, int, int]:
    """The numbers asked for, checked: a plan for each chain, how many chains, and the seed."""
    chains = integer(chains, "chains")
    tune = None if tune is None else integer(tune, "tune")
    independent = isinstance(kernel, Independent)
    plan = Plan(
        draws=integer(draws, "draws"),
        tune=0 if independent else kernel.tune if tune is None else tune,
        thin=_UNSAID if thin is None else integer(thin, "thin"),
        block=_IID_BLOCK,
    )
    return plan, chains, settled_seed(seed)


def _streams(root: int, name: str, chains: int) -> list[list[np.random.SeedSequence]]:
    """Per chain, a stream for sampling and one for what is put back afterwards.

    The engine's name is mixed in: two engines with one seed share no noise and can be compared.
    """
    entropy = [root, zlib.crc32(name.encode())]
    return [s.spawn(2) for s in np.random.SeedSequence(entropy).spawn(chains)]


def _collect(
    kernel: Any,
    problem: Problem,
    plan: Plan,
    streams: list[np.random.SeedSequence],
    workers: int | None,
    progress: bool,
    compiled: bool | None,
) -> tuple[Collected, int, float]:
    """Run the chains, PyMC's way or ours; also the thinning, and seconds spent on compiling."""
    if isinstance(kernel, External):
        seeds = tuple(int(s.generate_state(1)[0]) for s in streams)
        thin = max(plan.thin, 1)
        draws = plan.draws * thin
        found = kernel.sample(problem, Request(draws, plan.tune, seeds, workers, progress))
        return found.every(thin) if thin > 1 else found, thin, 0.0
    with one_blas_thread():
        setup, work, apart = kernel.prepare(problem), 0.0, 0.0
        if isinstance(kernel, Independent):
            plan = replace(plan, thin=max(plan.thin, 1))
        else:
            kernel, plan, work = form_of(kernel, setup, plan, len(streams), compiled)
        if isinstance(kernel, Markov):
            begin = time.perf_counter()
            kernel.ready(setup)
            apart = time.perf_counter() - begin
        start, advance = _steps(kernel, setup, plan.strands)
        found = collect(
            start, advance, streams, plan, workers=workers, work=work, progress=progress
        )
        return found, plan.thin, apart


def _steps(
    kernel: Independent | Markov | SideBySide, setup: Any, strands: int
) -> tuple[Start, Advance]:
    """How chains start and advance, in rows; one whose draws are independent has no state."""

    def start(rng: np.random.Generator, chains: int) -> Any:
        if isinstance(kernel, SideBySide):
            return kernel.start(setup, rng, chains, strands)
        return kernel.start(setup, rng) if isinstance(kernel, Markov) else None

    def advance(state: Any, rng: np.random.Generator, count: int) -> tuple[Any, Output]:
        if isinstance(kernel, SideBySide):
            return kernel.advance(setup, state, rng, count)
        if isinstance(kernel, Markov):
            state, out = kernel.advance(setup, state, rng, count)
        else:
            out = kernel.draw(setup, rng, count)
        return state, {name: value[:, None] for name, value in out.items()}

    return start, advance


def _assemble(
    problem: Problem, found: Collected, streams: list[np.random.SeedSequence]
) -> dict[str, Any]:
    """Stack chains of equal length, with coefficients and intercept in original units."""
    stacked = found.stacked()
    if "beta" not in stacked:
        restored = [
            problem.coordinates.restore_draws(
                stacked["b"][k], stacked["sigma"][k], np.random.default_rng(s)
            )
            for k, s in enumerate(streams[i] for i in sorted(found.kept))
        ]
        stacked["beta"] = np.stack([beta for beta, _ in restored])
        stacked["intercept"] = np.stack([intercept for _, intercept in restored])
    named = ("beta", "intercept", "sigma", "scale")
    arrays: dict[str, Any] = {name: stacked[name] for name in named}
    others = [name for name in problem.own if name != "sigma"]
    arrays["own"] = {
        name: stacked.pop(name, np.full(arrays["sigma"].shape, problem.known.get(name)))
        for name in others
    }
    arrays["kappa"] = stacked.get("kappa")
    used = {*named, "kappa", "b"}
    arrays["stats"] = {name: value for name, value in stacked.items() if name not in used}
    return arrays
