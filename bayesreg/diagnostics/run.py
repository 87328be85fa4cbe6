"""A run as diagnostics see it: the unknowns by name, on the scale where they are judged.

β and β₀ are judged as they are; σ and scale by their logarithms, because their posteriors are
skewed and an error of a factor is what matters. R̂ and ESS are rank based, so that they are the same
for σ and log σ; MCSE, sd and mean are not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesreg.engines.draws import Draws
from bayesreg.language.arguments import Array, check_level, interval_names
from bayesreg.language.errors import BadArgument

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Run:
    """The unknowns of one run, each of them (chain, draw), and how they came about.

    Attributes
    ----------
    values : dict of str to ndarray (chain, draw)
        By name: ``beta[bmi]``, ``intercept``, ``log sigma``, ``log scale``.
    fixed : dict of str to float
        Quantities of the same names that are known, hence not unknown.
    stats : mapping of str to ndarray (chain, draw)
        What the sampler reported: ``diverging``, ``energy``, ``reached_max_treedepth``.
    engine, seed
        Which engine ran, with which seed; None where a foreign DataTree does not say.
    independent, complete : bool
        Whether draws are independent by construction, and whether the run reached its length.
    """

    values: dict[str, Array]
    fixed: dict[str, float] = field(default_factory=dict)
    stats: Mapping[str, Array] = field(default_factory=dict)
    engine: str | None = None
    seed: int | None = None
    independent: bool = False
    complete: bool = True

    @property
    def shape(self) -> tuple[int, int]:
        """(chains, draws)."""
        first = next(iter(self.values.values()))
        return int(first.shape[0]), int(first.shape[1])


def run_of_draws(draws: Draws) -> Run:
    """The unknowns of our own draws."""
    values = {
        (f"log {name}" if one.positive else name): _log(one.values) if one.positive else one.values
        for name, one in draws.unknowns.items()
    }
    known = draws.known
    return Run(
        values=values,
        fixed={
            (name if name == "intercept" else f"log {name}"): (
                value if name == "intercept" else float(np.log(value))
            )
            for name, value in known.items()
        },
        stats=draws.stats,
        engine=draws.engine,
        seed=draws.seed,
        independent=draws.independent,
        complete=draws.complete,
    )


def run_of_tree(tree: Any) -> Run:
    """The unknowns of a foreign DataTree with our variable names, such as PyMC's."""
    try:
        posterior = tree["posterior"]
        beta = posterior["beta"]
    except (KeyError, TypeError) as error:
        raise BadArgument(
            "agreement needs draws: a Posterior, Draws, or a DataTree whose group `posterior` has "
            f"a variable `beta`; this {type(tree).__name__} has none"
        ) from error
    values = _by_element(beta, "beta")
    for name in ("intercept", "sigma", "scale"):
        if name in posterior:
            values.update(_by_element(posterior[name], name))
    settled: dict[str, Array] = {}
    for name, array in values.items():
        positive = name.startswith(("sigma", "scale"))
        settled[f"log {name}" if positive else name] = _log(array) if positive else array
    stats = {}
    if "sample_stats" in tree.children:
        group = tree["sample_stats"]
        wanted = ("diverging", "energy", "reached_max_treedepth")
        stats = {k: np.asarray(group[k].transpose("chain", "draw")) for k in wanted if k in group}
    constant = {k: float(v.flat[0]) for k, v in settled.items() if _constant(v)}
    moving = {k: v for k, v in settled.items() if k not in constant}
    return Run(values=moving or settled, fixed=constant if moving else {}, stats=stats)


# A column of one of these names stays ``beta[sigma]``, so that it is not taken for the unknown.
RESERVED = ("intercept", "sigma", "scale")


def short_name(name: str) -> str:
    """What a reader calls the unknown: ``beta[bmi]`` is ``bmi``, ``log sigma`` is ``sigma``."""
    if name.startswith("beta[") and name.endswith("]") and name[5:-1] not in RESERVED:
        return name[5:-1]
    return name.removeprefix("log ")


def _by_element(variable: Any, name: str) -> dict[str, Array]:
    """Every element of a variable as (chain, draw), named after its coordinate."""
    others = [d for d in variable.dims if d not in ("chain", "draw")]
    array = np.asarray(variable.transpose("chain", "draw", *others), dtype=float)
    if not others:
        return {name: array}
    if len(others) > 1:
        raise BadArgument(f"{name!r} has the dims {tuple(variable.dims)}; one besides chain, draw")
    labels = [str(v) for v in variable.coords[others[0]].to_numpy()]
    if len(labels) == 1 and name == "scale":
        return {name: array[..., 0]}
    return {f"{name}[{label}]": array[..., j] for j, label in enumerate(labels)}


def _constant(values: Array) -> bool:
    return bool(np.all(values == values.flat[0]))


def _log(values: Array) -> Array:
    """Logarithm; what is not positive becomes NaN or −inf and is reported as not finite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(values))


def unknowns_of(draws: Draws, *, standardized: bool = False) -> dict[str, Array]:
    """Draws (chain, draw) of every unknown by name, in the order of the summary."""
    found = draws.unknowns
    out = {name: found[name].values for name in ("intercept",) if name in found}
    factor = draws.problem.column_sd if standardized else np.ones(draws.beta.shape[-1])
    for j, name in enumerate(draws.problem.features):
        out[short_name(f"beta[{name}]")] = draws.beta[..., j] * factor[j]
    return out | {name: one.values for name, one in found.items() if one.positive}


def _sd(values: Array) -> float:
    """Standard deviation, in units of a power of two, so that squares of any size are numbers."""
    power = int(np.frexp(np.max(np.abs(values), initial=0.0))[1])
    return float(np.ldexp(np.ldexp(values, -power).std(ddof=1), power))


def summarise(values: Mapping[str, Array], level: float) -> pd.DataFrame:
    """Mean, sd, equal-tailed interval and P(> 0) of each, one row per name.

    Raises
    ------
    BadArgument
        If `level` is no probability, or a single draw was kept: it has no sd and no interval.
    """
    import pandas as pd

    low, high = interval_names(level)
    tails = [(1 - check_level(level)) / 2, (1 + level) / 2]
    flat = {name: v.reshape(-1) for name, v in values.items()}
    if any(v.size < 2 for v in flat.values()):
        raise BadArgument(
            "a summary needs at least two draws, and one was kept: a single draw has no sd and no "
            "interval; sample(problem, draws=1000), or read post.draws"
        )
    ends = np.array([np.quantile(v, tails) for v in flat.values()]).reshape(-1, 2)
    columns = {
        "mean": [v.mean() for v in flat.values()],
        "sd": [_sd(v) for v in flat.values()],
        low: ends[:, 0],
        high: ends[:, 1],
        "p_positive": [np.mean(v > 0) for v in flat.values()],
    }
    return pd.DataFrame(columns, index=list(flat), dtype=float)
