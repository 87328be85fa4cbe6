"""A process of its own: a first call of ours, or one peer's run, cut off where it takes too long.

A peer gets the model that its users would write, on rows that were standardised beforehand: the
same prior and unknowns as ours, said independently of our own PyMC model, whose centring of the
columns at each gradient would slow PyMC down. Its options are its defaults, in double precision,
with one BLAS thread for each of two chains. It compiles once before it is timed, as ours do: what
is left is what it compiles anew for every model.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.problems import CHAINS, DATA, Array, Data, draw

PEERS = ("pymc", "nutpie", "numpyro", "nuts")
DRAWS = 1000  # per chain, after the peer's own default of warm-up
STARTING = 30.0  # seconds for imports and data, which do not count against a peer
CALL = 100  # draws of a first call
OUT, BEGUN = "out.npz", "begun"  # files of a process: what it found, and that it is being timed
QUIET: dict[str, Any] = {
    "chains": CHAINS,
    "cores": CHAINS,
    "nuts_sampler": "pymc",
    "random_seed": 1,
    "progressbar": False,
    "compute_convergence_checks": False,
}


@dataclass(frozen=True)
class Returned:
    """What came back: numbers, draws, or in `failed` why nothing did."""

    numbers: dict[str, float]
    arrays: dict[str, Array]
    failed: str = ""
    cut: bool = False


def run(task: str, data: Data, prior: str, seconds: float, engine: str = "") -> Returned:
    """Run a task in a fresh process, with caches of compiled code that are empty.

    Parameters
    ----------
    task : str
        "first", or one of `PEERS`.
    data, prior
        The problem.
    seconds : float
        When to give up; imports and the making of data do not count.
    engine : str
        Of ours, for "first".
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        command = [sys.executable, "-m", __name__, task, data.name, prior, folder, engine]
        with (place / "said").open("w") as said:
            cut = not _ends(command, place, said, seconds)
        if cut:
            return Returned({}, {}, f"> {length(seconds)}", cut=True)
        if not (place / OUT).exists():
            last = (place / "said").read_text(errors="replace").strip().splitlines() or ["no word"]
            return Returned({}, {}, f"failed: {last[-1][:120]}")
        with np.load(place / OUT) as file:
            arrays = {name: file[name] for name in file.files}
    return Returned(json.loads(str(arrays.pop("numbers"))), arrays)


def _ends(command: list[str], place: Path, said: Any, seconds: float) -> bool:
    """Whether the process ends within `seconds` of the start of what it times."""
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(place / "numba"),
        "PYTENSOR_FLAGS": f"base_compiledir={place / 'pytensor'}",
    }
    if command[3] in PEERS:
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL,
        stderr=said,
        start_new_session=True,  # a peer's own processes end with it
    )
    begun, until = False, time.monotonic() + seconds + STARTING
    try:
        while process.poll() is None:
            if not begun and (place / BEGUN).exists():
                begun, until = True, time.monotonic() + seconds
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return True


def length(seconds: float) -> str:
    """Seconds as a reader says them."""
    return f"{seconds / 60:g} min" if seconds >= 120 else f"{seconds:g} s"


# --- inside the process -----------------------------------------------------------------------


def first_call(data: Data, prior: str, engine: str) -> tuple[dict[str, float], dict[str, Array]]:
    """Seconds from arrays to a few draws, the first time and a later one."""
    X, y = data.arrays()
    marks = [time.perf_counter()]
    for seed in (1, 2):
        draw(data.condition(prior, X, y), engine or None, CALL, seed)
        marks.append(time.perf_counter())
    return {"first": marks[1] - marks[0], "later": marks[2] - marks[1]}, {}


def peer(
    name: str, data: Data, prior: str, place: Path
) -> tuple[dict[str, float], dict[str, Array]]:
    """A peer's seconds (wall; set-up and compilation of them) and draws in the original units."""
    X, y = data.arrays()
    for library in {"nuts": ["pymc"], "nutpie": ["pymc", "nutpie"]}.get(name, [name]):
        import_module(library)
    if name == "nuts":
        return _ours(data, prior, X, y, place)
    seconds = {"first": _compile(name, X, y, prior, data.global_scale)}
    (place / BEGUN).touch()
    begin = time.perf_counter()
    mean, sd = X.mean(axis=0), X.std(axis=0)
    Z = (X - mean) / sd
    if name == "numpyro":
        kept, seconds["compile"] = _numpyro(Z, y, prior, data.global_scale)
        seconds["setup"] = 0.0
    else:
        model = pymc_model(Z, y, prior, data.global_scale)
        seconds["setup"] = time.perf_counter() - begin
        kept, seconds["compile"] = (_pymc if name == "pymc" else _nutpie)(model)
    seconds["wall"] = time.perf_counter() - begin
    beta = kept.pop("b") / sd
    kept |= {"beta": beta, "intercept": kept.pop("centre") - beta @ mean}
    return seconds, kept


def _compile(name: str, X: Array, y: Array, prior: str, global_scale: float) -> float:
    """Seconds of a peer's first compilation; NumPyro keeps nothing of it, hence none."""
    import pymc as pm

    if name == "numpyro":
        return 0.0
    model = pymc_model(X, y, prior, global_scale)
    begin = time.perf_counter()
    if name == "nutpie":
        import_module(name).compile_pymc_model(model)
    else:
        with model:
            pm.sample(1, tune=1, nuts={"max_treedepth": 1}, **QUIET)
    return time.perf_counter() - begin


def _ours(
    data: Data, prior: str, X: Array, y: Array, place: Path
) -> tuple[dict[str, float], dict[str, Array]]:
    """Our own engine of PyMC's NUTS, which may work from moments and integrate unknowns out."""
    begin = time.perf_counter()
    draw(data.condition(prior, X, y), "nuts", 1, 1, tune=1)
    first = time.perf_counter() - begin
    (place / BEGUN).touch()
    begin = time.perf_counter()
    problem = data.condition(prior, X, y)
    built = time.perf_counter() - begin
    drawn = draw(problem, "nuts", DRAWS, 1)
    wall = time.perf_counter() - begin
    seconds = {"first": first, "setup": built, "compile": 0.0, "wall": wall}
    kept = {"beta": drawn.beta, "intercept": drawn.intercept, "sigma": drawn.sigma}
    return seconds, kept | {"scale": drawn.scale[..., 0], "diverging": drawn.stats["diverging"]}


def pymc_model(Z: Array, y: Array, prior: str, global_scale: float) -> Any:
    """The model in PyMC's words; the horseshoe not centred."""
    import pymc as pm

    p = Z.shape[1]
    with pm.Model() as model:
        sigma = pm.Deterministic("sigma", pm.math.exp(pm.Flat("log_sigma", initval=_log_sd(y))))
        scale = pm.HalfCauchy("scale", global_scale)
        if prior == "laplace":
            b = pm.Laplace("b", 0.0, scale * sigma, shape=p)
        else:
            local = pm.HalfCauchy("local", 1.0, shape=p)
            b = pm.Deterministic("b", sigma * scale * local * pm.Normal("z", shape=p))
        centre = pm.Flat("centre", initval=float(y.mean()))
        pm.Normal("y", centre + pm.math.dot(Z, b), sigma, observed=y)
    return model


def _pymc(model: Any) -> tuple[dict[str, Array], float]:
    """PyMC's own NUTS; what is not sampling is compilation."""
    import pymc as pm

    begin = time.perf_counter()
    with model:
        tree = pm.sample(DRAWS, **QUIET)
    wall = time.perf_counter() - begin
    return _of_tree(tree), wall - float(tree["posterior"].attrs["sampling_time"])


def _nutpie(model: Any) -> tuple[dict[str, Array], float]:
    """Nutpie on the same PyMC model."""
    import nutpie

    begin = time.perf_counter()
    ready = nutpie.compile_pymc_model(model)
    compiling = time.perf_counter() - begin
    tree = nutpie.sample(ready, draws=DRAWS, chains=CHAINS, seed=1, progress_bar=False)
    return _of_tree(tree), compiling


def _of_tree(tree: Any) -> dict[str, Array]:
    """The unknowns (chain, draw, …) and divergences of a DataTree."""
    posterior = tree["posterior"]
    kept = {name: posterior[name].to_numpy() for name in ("b", "centre", "sigma", "scale")}
    return kept | {"diverging": tree["sample_stats"]["diverging"].to_numpy()}


def _numpyro(Z: Array, y: Array, prior: str, global_scale: float) -> tuple[dict[str, Array], float]:
    """The same model in NumPyro's words, one device per chain."""
    import numpyro

    numpyro.set_host_device_count(CHAINS)
    numpyro.enable_x64()
    import jax
    import numpyro.distributions as dist
    from jax import numpy as jnp

    p, (Z, y) = Z.shape[1], (jnp.asarray(Z), jnp.asarray(y))
    flat = dist.ImproperUniform(dist.constraints.real, (), ())

    def model() -> None:
        sigma = numpyro.deterministic("sigma", jnp.exp(numpyro.sample("log_sigma", flat)))
        scale = numpyro.sample("scale", dist.HalfCauchy(global_scale))
        if prior == "laplace":
            b = numpyro.sample("b", dist.Laplace(0.0, scale * sigma).expand([p]))
        else:
            local = numpyro.sample("local", dist.HalfCauchy(1.0).expand([p]))
            z = numpyro.sample("z", dist.Normal().expand([p]))
            b = numpyro.deterministic("b", sigma * scale * local * z)
        centre = numpyro.sample("centre", flat)
        numpyro.sample("y", dist.Normal(centre + Z @ b, sigma), obs=y)

    compiling: list[float] = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda event, seconds, **_: compiling.append(seconds * ("/compile/" in event))
    )
    start = numpyro.infer.init_to_value(values={"log_sigma": _log_sd(y), "centre": y.mean()})
    mcmc = numpyro.infer.MCMC(
        numpyro.infer.NUTS(model, init_strategy=start),
        num_warmup=1000,
        num_samples=DRAWS,
        num_chains=CHAINS,
        progress_bar=False,
    )
    mcmc.run(jax.random.PRNGKey(1), extra_fields=("diverging",))
    found = mcmc.get_samples(group_by_chain=True) | mcmc.get_extra_fields(group_by_chain=True)
    wanted = ("b", "centre", "sigma", "scale", "diverging")
    kept = {name: np.asarray(found[name]) for name in wanted}
    return kept, sum(compiling)


def _log_sd(y: Any) -> float:
    return float(np.log(np.std(y)))


def main(task: str, name: str, prior: str, folder: str, engine: str) -> None:
    """Do the task and leave numbers and draws in the folder."""
    warnings.simplefilter("ignore")
    data, place = DATA[name], Path(folder)
    numbers, arrays = (
        first_call(data, prior, engine) if task == "first" else peer(task, data, prior, place)
    )
    np.savez(place / "part.npz", numbers=np.array(json.dumps(numbers)), **arrays)
    (place / "part.npz").rename(place / OUT)


if __name__ == "__main__":
    main(*sys.argv[1:])
