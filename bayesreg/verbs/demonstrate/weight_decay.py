"""Weight decay: when it is the penalty, step by step, and when it is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from bayesreg.gaussian.projected_rows import projected
from bayesreg.language.arguments import Array, integer, one_positive
from bayesreg.language.errors import BadData, NotSupported
from bayesreg.language.misnamed import explained
from bayesreg.language.text import number
from bayesreg.priors import Normal
from bayesreg.solvers.path import one_block
from bayesreg.verbs.demonstrate.record import Record
from bayesreg.verbs.demonstrate.subject import subject
from bayesreg.verbs.fit import fit_map
from bayesreg.verbs.hyper import lam_of

if TYPE_CHECKING:
    import pandas as pd

    from bayesreg.model.problem import Problem
    from bayesreg.results import MapFit, Posterior

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Kingma & Ba (2015), algorithm 1

# Which optimisers run: by name, whether on batches, whether adaptive, whether λb is in the slope.
RUNS = {
    "gradient descent, λb in the slope": (False, False, True),
    "gradient descent, weight decay": (False, False, False),
    "SGD, λb in the slope": (True, False, True),
    "SGD, weight decay": (True, False, False),
    "Adam, λb in the slope": (False, True, True),
    "AdamW, weight decay": (False, True, False),
}


def descend(
    slope: Callable[[Array, int], Array],
    start: Array,
    decay: float,
    rates: Array,
    *,
    coupled: bool,
    adaptive: bool = False,
) -> Array:
    r"""Where b is after each step of gradient descent or Adam on a loss with ½·decay·‖b‖².

    Coupled, the penalty is part of the slope g; decoupled, b shrinks beside the step:

    .. math:: b \leftarrow b - \eta_t\,s(\nabla L + \delta b) \qquad
              b \leftarrow (1 - \eta_t\delta)\,b - \eta_t\,s(\nabla L)

    with s(g) = g, or if `adaptive` Adam's :math:`\hat m/(\sqrt{\hat v} + \epsilon)` of the g so
    far. With s(g) = g the two are one.

    Parameters
    ----------
    slope : callable
        ``slope(b, t)``: ∇L (p,) at b in step t = 0, 1, …, such as that of a batch of rows.
    start : ndarray (p,)
    decay : float
        δ, the penalty's λ on the scale of the loss.
    rates : ndarray (T,)
        η of each step.
    coupled, adaptive : bool

    Returns
    -------
    ndarray (T + 1, p)
        The start first.

    References
    ----------
    Kingma & Ba (2015), "Adam", https://arxiv.org/abs/1412.6980, algorithm 1; Loshchilov & Hutter
    (2019), "Decoupled weight decay regularization", https://arxiv.org/abs/1711.05101, algorithms 1
    and 2 and proposition 1.

    Examples
    --------
    >>> there = descend(lambda b, t: b - 3.0, np.zeros(1), 0.5, np.full(200, 0.1), coupled=True)
    >>> there[1].round(6), there[-1].round(6)  # from 0 towards 3/(1 + 0.5)
    (array([0.3]), array([2.]))
    """
    steps = np.empty((len(rates) + 1, len(start)))
    steps[0] = b = np.asarray(start, dtype=float)
    m, v = np.zeros_like(b), np.zeros_like(b)
    for t, rate in enumerate(rates):
        step = slope(b, t)
        if coupled:
            step = step + decay * b
        if adaptive:
            m = BETA1 * m + (1.0 - BETA1) * step
            v = BETA2 * v + (1.0 - BETA2) * step**2
            step = m / (1.0 - BETA1 ** (t + 1))
            step /= np.sqrt(v / (1.0 - BETA2 ** (t + 1))) + EPSILON
        b = b - rate * step if coupled else (1.0 - rate * decay) * b - rate * step
        steps[t + 1] = b
    return steps


@dataclass(frozen=True, eq=False, repr=False)
class WeightDecay(Record):
    """Six optimisers of one ridge loss: their distance from the MAP, and from one another.

    Attributes
    ----------
    problem : Problem
        With σ and scale at the values used.
    lam : float
        λ₂ of J; every run decays by δ = λ/N.
    steps : mapping of str to ndarray (T + 1, p)
        Where each run is, by the names of `RUNS`, in units of y's sd.
    optimum : ndarray (p,)
        The MAP, in the same unit.
    box : ndarray (p,) or None
        Where AdamW is led to: the least squares among all b with max|b| ≤ N/λ, in the same unit;
        None where several are least, the columns being linearly dependent.
    distance : mapping of str to ndarray (T + 1,)
        ‖b − MAP‖/‖MAP‖ of each run.
    parted : mapping of str to ndarray (T + 1,)
        ‖b − b'‖/‖MAP‖ between λb in the slope and weight decay, for gradient descent, SGD and Adam.
    """

    picture: ClassVar[str] = "weight_decay"

    problem: Problem
    lam: float
    steps: dict[str, Array]
    optimum: Array
    box: Array | None
    distance: dict[str, Array]
    parted: dict[str, Array]

    def summary(self) -> pd.DataFrame:
        """How far each run ends from the MAP, and from its other way, over ‖MAP‖."""
        import pandas as pd

        parted = [one[-1] for one in self.parted.values() for _ in range(2)]
        ends = {name: one[-1] for name, one in self.distance.items()}
        return pd.DataFrame(
            {"from the MAP": ends.values(), "from the other way": parted}, index=list(ends)
        )

    @property
    def says(self) -> str:
        """The picture in one sentence."""
        plain = max(self.parted[name].max() for name in ("gradient descent", "SGD"))
        last = self.distance["AdamW, weight decay"][-1]
        adam = self.distance["Adam, λb in the slope"][-1]
        return (
            f"With λ = {number(self.lam)}, gradient descent and SGD on the penalised loss are "
            f"weight decay at every step (largest difference {plain:.1g} of ‖MAP‖); Adam's two "
            f"ways part by {self.parted['Adam'][-1]:.2g}: with λb in the slope it comes within "
            f"{adam:.1g} of the MAP, and AdamW ends {last:.2g} away from it{self._led}."
        )

    @property
    def _led(self) -> str:
        """Where AdamW is led to, in words."""
        if self.box is None:
            return ""
        away = np.linalg.norm(self.box - self.optimum) / np.linalg.norm(self.optimum)
        held = np.max(np.abs(self.box)) >= self.problem.n / self.lam * (1.0 - 1e-9)
        what = "least squares within |b| ≤ N/λ" if held else "least squares without any penalty"
        return f", where it nears {what} ({away:.2g} away)"

    @property
    def alt(self) -> str:
        """The picture for who does not see it."""
        return (
            "Two panels over the number of steps, both on logarithmic axes. Above, the distance "
            "from the MAP: gradient descent and Adam with the penalty in the slope fall towards 0, "
            "SGD falls until its batches' noise holds it, and AdamW levels off away from the MAP. "
            "Below, the distance between the penalty in the slope and weight decay: at rounding "
            "error for gradient descent and SGD at every step, many orders of magnitude larger for "
            "Adam."
        )


@explained
def weight_decay(
    problem: Problem | MapFit | Posterior,
    *,
    steps: int = 3000,
    batch: int = 32,
    rate: float = 0.05,
    seed: int = 0,
) -> WeightDecay:
    r"""Gradient descent, SGD and Adam on the ridge loss, with λb in the slope or as weight decay.

    The loss is that of training, the mean over rows :math:`L(b) = \frac1{2N}\lVert\tilde y -
    \tilde X b\rVert^2` with y in units of its sd, penalised by ½δ‖b‖², δ = λ/N: its optimum is the
    MAP. Adam divides the slope by its own size. In the slope, the penalty is divided too, and where
    all slopes are 0 is still the MAP; beside it, it is not, and a fixed point has
    :math:`\delta b_j = -g_j/(|g_j| + \epsilon)`: least squares under :math:`|b_j| \le 1/\delta`.

    Parameters
    ----------
    problem : Problem, or a fit or posterior of one
        One Normal prior under a Gaussian likelihood, on rows. What of σ and scale is unknown is as
        `fit_map` settles it.
    steps : int, default 3000
        Of every run. Rates fall from their first to 0 as a cosine.
    batch : int, default 32
        Rows of a batch of SGD, drawn with replacement in proportion to their weights; the same for
        both its runs.
    rate : float, default 0.05
        Adam's first rate, or 1/δ where that is less: beyond it weight decay overshoots 0, and
        beyond 2/δ it diverges. That of gradient descent is 1/(d_max + δ), the largest curvature
        of the loss; that of SGD a tenth of it.
    seed : int, default 0
        Of the batches.

    Returns
    -------
    WeightDecay

    Raises
    ------
    BadArgument
        If a number is not positive.
    BadData
        If y is explained by what is not penalised, so that the MAP is 0.
    NotSupported
        If the prior is not one Normal, the likelihood not Gaussian, or there are no rows.

    References
    ----------
    Loshchilov & Hutter (2019), "Decoupled weight decay regularization", ICLR,
    https://arxiv.org/abs/1711.05101; Xie & Li (2024), "Implicit bias of AdamW: ℓ∞ norm constrained
    optimization", ICML, https://arxiv.org/abs/2404.04454.

    Examples
    --------
    >>> import bayesreg as br
    >>> data = br.load_dataset("diabetes")
    >>> problem = br.Model(br.Normal(25.0), br.Gaussian(54.0)).condition(
    ...     data.X, data.y, standardize=True
    ... )
    >>> found = weight_decay(problem, steps=500)
    >>> all(found.parted[name].max() < 1e-13 for name in ("gradient descent", "SGD"))
    True
    >>> bool(found.parted["Adam"].max() > 0.1)
    True
    """
    steps, batch = integer(steps, "steps", 2), integer(batch, "batch", 1)
    rate, seed = one_positive(rate, "rate"), integer(seed, "seed", 0)
    problem = subject(problem, "weight_decay", quadratic=True)
    prior = one_block(problem).prior
    if not isinstance(prior, Normal):
        raise NotSupported(
            f"weight decay is the penalty ½λ‖b‖², that of Normal(), and {type(prior).__name__}() "
            "has another"
        )
    if problem.design is None:
        raise NotSupported(f"weight_decay needs rows for its batches, and {problem.rowless}")
    fit = fit_map(problem)
    fixed = fit.problem
    unit = fixed.moments.y_sd
    optimum = fit.b / fixed.relative / unit
    size = float(np.linalg.norm(optimum))
    if not size > 0:
        raise BadData("the MAP is 0: there is no effect for an optimiser to find")
    loss = _Loss.of(fixed, unit)
    delta = lam_of(fixed.given(sigma=fit.sigma)) / fixed.n
    fall = 0.5 * (1.0 + np.cos(np.pi * np.arange(steps) / steps))
    curvature = float(np.linalg.eigvalsh(loss.gram)[-1]) + delta
    batches = np.random.default_rng(seed).choice(
        len(loss.x), (steps, batch), p=loss.weights / loss.weights.sum()
    )
    runs = {}
    for name, (stochastic, adaptive, coupled) in RUNS.items():
        slope = loss.on(batches) if stochastic else loss.slope
        first = min(rate, 1.0 / delta) if adaptive else (0.1 if stochastic else 1.0) / curvature
        runs[name] = descend(
            slope, np.zeros(fixed.p), delta, first * fall, coupled=coupled, adaptive=adaptive
        )
    distance = {k: np.linalg.norm(b - optimum, axis=1) / size for k, b in runs.items()}
    pairs = dict(zip(("gradient descent", "SGD", "Adam"), _pairs(runs), strict=True))
    parted = {k: np.linalg.norm(a - b, axis=1) / size for k, (a, b) in pairs.items()}
    box = loss.boxed(1.0 / delta) if fixed.quadratic.rank == fixed.p else None
    return WeightDecay(fixed, delta * fixed.n, runs, optimum, box, distance, parted)


def _pairs(runs: dict[str, Array]) -> Iterator[tuple[Array, Array]]:
    """Runs with λb in the slope, each beside the one with weight decay."""
    every = list(runs.values())
    yield from zip(every[::2], every[1::2], strict=True)


@dataclass(frozen=True, eq=False)
class _Loss:
    """½‖ỹ − X̃b‖²/N on rows, and its slopes; columns over the prior's relative factors."""

    x: Array
    y: Array
    weights: Array
    gram: Array
    xy: Array

    @classmethod
    def of(cls, problem: Problem, unit: float) -> _Loss:
        design, own = problem.design, problem.relative
        assert design is not None
        x, y, _ = projected(problem.coordinates, design.X, design.target)
        gram = problem.gram * np.outer(own, own) / problem.n
        xy = problem.xy * own / unit / problem.n
        return cls(x * own, y / unit, design.frequencies, gram, xy)

    def slope(self, b: Array, step: int) -> Array:
        """Of all rows."""
        del step
        return self.gram @ b - self.xy

    def on(self, batches: Any) -> Callable[[Array, int], Array]:
        """Of one batch of rows for each step, their mean."""

        def slope(b: Array, step: int) -> Array:
            x = self.x[batches[step]]
            return np.asarray(x.T @ (x @ b - self.y[batches[step]]) / len(x))

        return slope

    def boxed(self, bound: float) -> Array:
        """The least squares with max|b| ≤ bound, to rounding (Stark & Parker 1995, BVLS)."""
        from scipy.optimize import lsq_linear

        root = np.sqrt(self.weights / self.weights.sum())
        found = lsq_linear(
            self.x * root[:, None], self.y * root, (-bound, bound), "bvls", tol=1e-14
        )
        return np.asarray(found.x)
