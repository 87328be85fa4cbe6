"""What an engine's kernel knows: one thing, in one of four forms.

An engine is a module with ``NAME``, ``supports``, the types that it :class:`Needs`, and ``KERNEL``.
A kernel knows how to draw independently (:class:`Independent`), how to advance a Markov chain
(:class:`Markov`) or many side by side (:class:`SideBySide`), or how to hand the problem to another
sampler (:class:`External`). An engine that refuses what it would serve slowly offers itself without
that gate as ``UNGATED``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from bayesreg.engines.chains import Collected, Output

if TYPE_CHECKING:
    from bayesreg.model.problem import Problem


@dataclass(frozen=True)
class Needs:
    """What an engine needs of a model, as types, and what types cannot say: its `supports`.

    Attributes
    ----------
    likelihoods : tuple of type
        Capabilities, of which the likelihood must have one.
    priors : tuple of type
        Likewise of every prior that is not flat.
    unfit : callable, optional
        What is missing besides, in words, or None.
    products : bool, default True
        Whether it needs X'X, which of a sparse X of more than 5 000 columns is not formed.
    """

    likelihoods: tuple[Any, ...]
    priors: tuple[Any, ...]
    unfit: Callable[[Problem], str | None] | None = None
    products: bool = True

    def __call__(self, problem: Problem) -> str | None:
        """None where the engine serves, else what is missing, in words."""
        if not isinstance(problem.likelihood, self.likelihoods):
            wanted = " or ".join(one.capability for one in self.likelihoods)
            return f"it needs a likelihood that is {wanted}, and {problem.likelihood!r} is not"
        for block in problem.blocks:
            if not isinstance(block.prior, self.priors):
                wanted = " or ".join(one.capability for one in self.priors)
                name = type(block.prior).__name__
                return f"it needs {wanted}, and {name} on {block.label!r} is none"
        if self.products and problem.least_squares.columns is not None:
            return (
                f"it needs X'X, and of {problem.p} sparse columns that is not formed; keep "
                "5 000 at most (those of a lasso's support, say), or ask for fit_map and path"
            )
        return self.unfit(problem) if self.unfit is not None else None


class Independent(ABC):
    """A kernel whose draws are independent."""

    @abstractmethod
    def prepare(self, problem: Problem) -> Any:
        """Compute once what every draw needs."""

    @abstractmethod
    def draw(self, setup: Any, rng: np.random.Generator, size: int) -> Output:
        """``b`` (size, p), ``sigma`` (size,), ``scale`` (size, B) and optionally ``kappa``."""


class Markov(ABC):
    """A kernel that advances a Markov chain.

    Attributes
    ----------
    compiling : float
        Seconds for which it is compiled before its first iteration.
    least : int
        Iterations that advance at once, however long they take.
    """

    compiling = 0.0
    least = 1

    def ready(self, setup: Any) -> None:
        """Whatever is done once on a machine, compiling above all, and is no part of sampling."""
        del setup

    def twin(self, setup: Any) -> SideBySide | None:
        """The same chain in NumPy, for runs that are over before this kernel would be compiled."""
        return None

    @property
    @abstractmethod
    def tune(self) -> int:
        """Iterations of warm-up that suffice by default."""

    @abstractmethod
    def prepare(self, problem: Problem) -> Any:
        """Compute once what every iteration needs."""

    @abstractmethod
    def seconds(self, setup: Any) -> float:
        """Rough time of one iteration: whether threads pay, and how long a block is."""

    @abstractmethod
    def start(self, setup: Any, rng: np.random.Generator) -> Any:
        """A state over-dispersed about where the posterior may be."""

    @abstractmethod
    def advance(
        self, setup: Any, state: Any, rng: np.random.Generator, count: int
    ) -> tuple[Any, Output]:
        """The state after `count` iterations, and what was visited, as for Independent."""


@dataclass(frozen=True)
class Request:
    """What an :class:`External` kernel is asked for; `seeds` holds one integer per chain."""

    draws: int
    tune: int
    seeds: tuple[int, ...]
    workers: int | None
    progress: bool

    @property
    def chains(self) -> int:
        """How many chains."""
        return len(self.seeds)


class SideBySide(ABC):
    """A kernel that advances many chains at once, each a row of its arrays.

    A chain may be several rows, its strands, which start at one point (Margossian et al. 2024,
    "Nested R̂", Bayesian Analysis): a start that is not forgotten still sets chains apart.
    """

    @property
    @abstractmethod
    def tune(self) -> int:
        """Iterations of warm-up that suffice by default."""

    @abstractmethod
    def prepare(self, problem: Problem) -> Any:
        """Compute once what every iteration needs."""

    @abstractmethod
    def seconds(self, setup: Any) -> tuple[float, float]:
        """Rough time of one iteration: whatever the number of rows is, and for each row."""

    @abstractmethod
    def start(self, setup: Any, rng: np.random.Generator, chains: int, strands: int) -> Any:
        """The state of chains·strands rows: one over-dispersed point for each chain."""

    @abstractmethod
    def advance(
        self, setup: Any, state: Any, rng: np.random.Generator, count: int
    ) -> tuple[Any, Output]:
        """The state after `count` iterations, and what each row visited: (count, rows, …)."""


class External(ABC):
    """A kernel that hands the problem to a sampler with chains of its own."""

    @property
    @abstractmethod
    def tune(self) -> int:
        """Iterations of warm-up that suffice by default."""

    @abstractmethod
    def sample(self, problem: Problem, request: Request) -> Collected:
        """Per chain: ``b``, ``sigma``, ``scale``, or ``beta`` and ``intercept`` for ``b``."""


class Engine(Protocol):
    """The module of an engine."""

    NAME: str
    KERNEL: Any

    def supports(self, problem: Problem, /) -> str | None:
        """None where the engine applies, else the reason in words."""
