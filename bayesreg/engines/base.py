"""How an engine is run: arguments, seeds, warm-up, chains and Draws, written once for all."""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.engines.chains import Collected, Output, Plan, collect, one_blas_thread
from bayesreg.engines.draws import Draws
from bayesreg.engines.kernel import Engine, External, Independent, Markov, Request
from bayesreg.language.arguments import integer, settled_seed
from bayesreg.language.errors import NotSupported
from bayesreg.language.warned import warn

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem


# PyTensor's compiler and the BLAS thread limit are process-wide, so runs take turns.
_LOCK = threading.Lock()
_IID_BLOCK = 100_000
_UNSAID = 0  # of a plan's thinning, until the kernel's cost is known
_NEARLY_FREE = 0.1  # seconds of a chain that thinning may fill
_BLOCK_SECONDS = 0.05  # of a block: how soon an interruption is heard


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
    begin = time.perf_counter()
    streams = _streams(root, engine.NAME, chains)
    with _LOCK:
        found, thin = _collect(
            engine.KERNEL, problem, plan, [s[0] for s in streams], workers, progress
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
        warmup=plan.tune,
        independent=isinstance(engine.KERNEL, Independent),
        complete=found.complete,
        wall=time.perf_counter() - begin,
        problem=problem,
        thin=thin,
    )
    if not found.complete:
        warn(
            f"interrupted: {found.shortest} of {plan.draws} draws kept in each of "
            f"{len(found.kept)} chains",
        )
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
) -> tuple[Collected, int]:
    """Run the chains, PyMC's way for an External kernel and ours for others; and the thinning."""
    if isinstance(kernel, External):
        seeds = tuple(int(s.generate_state(1)[0]) for s in streams)
        thin = max(plan.thin, 1)
        draws = plan.draws * thin
        found = kernel.sample(problem, Request(draws, plan.tune, seeds, workers, progress))
        return found.every(thin) if thin > 1 else found, thin
    with one_blas_thread():
        return _own(kernel, problem, plan, streams, workers, progress)


def _own(
    kernel: Independent | Markov,
    problem: Problem,
    plan: Plan,
    streams: list[np.random.SeedSequence],
    workers: int | None,
    progress: bool,
) -> tuple[Collected, int]:
    """Run a kernel of ours: as a chain whose state is nothing, where draws are independent."""
    setup = kernel.prepare(problem)
    start: Callable[[np.random.Generator], Any]
    if isinstance(kernel, Independent):
        iid = kernel
        work = 0.0
        start = _nothing
        plan = replace(plan, thin=max(plan.thin, 1))

        def advance(state: Any, rng: np.random.Generator, count: int) -> tuple[Any, Output]:
            return state, iid.draw(setup, rng, count)

    else:
        chain = kernel
        each = chain.seconds(setup)
        if plan.thin == _UNSAID:
            plan = replace(plan, thin=int(min(max(_NEARLY_FREE / (each * plan.draws), 1), 5)))
        work = each * plan.iterations * len(streams)
        block = int(min(max(_BLOCK_SECONDS / each, 1), plan.iterations))
        plan = replace(plan, block=max(block // plan.thin, 1) * plan.thin)

        def start(rng: np.random.Generator) -> Any:
            return chain.start(setup, rng)

        def advance(state: Any, rng: np.random.Generator, count: int) -> tuple[Any, Output]:
            return chain.advance(setup, state, rng, count)

    found = collect(start, advance, streams, plan, workers=workers, work=work, progress=progress)
    return found, plan.thin


def _nothing(rng: np.random.Generator) -> None:
    """The state of a kernel without memory."""


def _assemble(
    problem: Problem, found: Collected, streams: list[np.random.SeedSequence]
) -> dict[str, Any]:
    """Stack chains of equal length, with coefficients and intercept in original units."""
    stacked = found.stacked()
    if "beta" not in stacked:
        restored = [
            problem.restore_draws(stacked["b"][k], stacked["sigma"][k], np.random.default_rng(s))
            for k, s in enumerate(streams[i] for i in sorted(found.kept))
        ]
        stacked["beta"] = np.stack([beta for beta, _ in restored])
        stacked["intercept"] = np.stack([intercept for _, intercept in restored])
    named = ("beta", "intercept", "sigma", "scale")
    arrays: dict[str, Any] = {name: stacked[name] for name in named}
    arrays["kappa"] = stacked.get("kappa")
    used = {*named, "kappa", "b"}
    arrays["stats"] = {name: value for name, value in stacked.items() if name not in used}
    return arrays
