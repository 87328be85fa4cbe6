"""A comparison with realistic numbers and any column names, made without running an engine."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from bayesreg.data.design import Design
from bayesreg.diagnostics.adequacy import Adequacy, Finding
from bayesreg.language.text import shortened
from bayesreg.likelihoods import Gaussian
from bayesreg.model.model import Model
from bayesreg.priors import Horseshoe, Laplace, Normal
from bayesreg.results import LamPosterior, Shrinkage, Significance
from bayesreg.results.brief import Answer, Brief
from bayesreg.results.effects import of_draws
from bayesreg.results.entry import Entry
from bayesreg.results.profile import profiles
from bayesreg.results.quantity import Quantity
from bayesreg.results.scores import Scores
from bayesreg.verbs.choose import choose
from bayesreg.verbs.fit import path

FEATURES = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")
# Standardised least-squares effects of the diabetes data, and its noise sd.
EFFECTS = (-0.5, -11.4, 24.7, 15.4, -37.7, 22.7, 4.8, 8.4, 35.7, 3.2)
SIGMA = 54.0
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</script></style></svg></textarea></title>-->",
    "{{ 7*7 }}{% raw %}",
    "x" * 10_000,
    "\u202egnp.exe",
    "a\x00b\x1bc\nd\te",
    "$\\frac{1}{$ _ ^ \\ % # & ~ { }",
    "=HYPERLINK(1)",
    "+1",
    "-1",
    "@SUM(A1)",
    "'; DROP TABLE--",
    "עמודה",
    "列名",
    "https://example.org/x.js",
    "javascript:alert(1)",
    "a|b*c_d`e",
    "&lt;b&gt; &amp;",
    " ",
)


def standin(
    features: tuple[str, ...] = FEATURES,
    *,
    priors: dict[str, Any] | None = None,
    dataset: str = "diabetes",
    verified: bool = True,
    seed: int = 0,
    likelihood: Any = None,
) -> Any:
    """Fields of a Comparison of three priors on simulated rows under these column names.

    A likelihood of two classes sees whether y is above its median.
    """
    rng = np.random.default_rng(seed)
    if priors is None:
        priors = {"ridge": Normal(), "lasso": Laplace(), "horseshoe": Horseshoe()}
    likelihood = Gaussian() if likelihood is None else likelihood
    design = _design(features, rng)
    if not likelihood.has_sigma:
        design = dataclasses.replace(design, y=1.0 * (design.y > np.median(design.y)))
    entries = {
        name: _entry(name, Model(prior, likelihood), design, rng, verified=verified)
        for name, prior in priors.items()
    }
    first = next(iter(entries.values()))
    return SimpleNamespace(
        entries=entries,
        names=tuple(entries),
        table=_table(tuple(entries)),
        data=design,
        dataset=dataset,
        verdict=(
            f"On {dataset}, judged by leave-one-out prediction, the priors predict equally well.",
            f"The largest effect under {next(iter(entries))} is that of {first.largest}.",
            "All checks held: every MAP is certified, and every posterior passed its checks.",
        ),
        warnings=(f"column {features[0]!r} is nearly constant",),
        adequacy=_adequacy(features),
        brief=lambda level=0.95: Brief(
            (Answer("Which effects are clear?", f"one more {shortened(features[0])}: +1"),), level
        ),
        path=_path(entries),
        choice=_choice(entries),
        provenance={
            "versions": {"python": "3.13.1", "bayesreg": "0.1.0", "pymc": "6.4.0"},
            "seed": 1,
            "rows": len(design.y),
            "columns": len(features),
            "draws": 500,
            "chains": 4,
            "data_sha256": "9f" * 32,
        },
        timing={name: 0.1 * (k + 1) for k, name in enumerate(entries)},
        coefficients=lambda level=0.95: _coefficients(entries, level),
        shrinkage=lambda level=0.95: pd.concat(
            {name: entry.post.shrinkage.summary(level) for name, entry in entries.items()},
            names=["prior", "feature"],
        ),
    )


def _adequacy(features: tuple[str, ...]) -> Adequacy:
    """One finding of each kind, about the first column."""
    seen = f"residuals are curved along {shortened(features[0])}"
    return Adequacy(
        (
            Finding("curvature", "Is the mean straight?", False, seen, "add a curve"),
            Finding("shape", "Is the noise normal?", True, "skewness 0.1"),
            Finding("rows", "Does no single row decide?", None, "too few rows"),
        )
    )


def _design(features: tuple[str, ...], rng: np.random.Generator) -> Design:
    p = len(features)
    n = max(120, 2 * p)
    z = rng.standard_normal((n, p))
    z[:, 1:] += 0.5 * z[:, :-1]
    effects = np.resize(EFFECTS, p) / (1.0 + np.arange(p) // 10)
    y = 152.0 + z @ effects + SIGMA * rng.standard_normal(n)
    X = z * rng.uniform(0.2, 5.0, p) + rng.normal(0, 20, p)
    return Design.of(pd.DataFrame(X, columns=list(features)), pd.Series(y, name="progression"))


def _entry(
    name: str, model: Any, design: Design, rng: np.random.Generator, *, verified: bool
) -> Any:
    problem = model.condition(design, standardize=True)
    p = len(problem.proper)
    touching = problem.quadratic_at(np.zeros(p))
    gram, xy = touching.gram, touching.xy
    size = SIGMA if problem.likelihood.has_sigma else 1.0
    family = problem.blocks[0].prior.family if problem.blocks else "flat"
    v = np.full(p, (0.37 * size) ** 2)
    for _ in range(20 if family == "horseshoe" else 0):
        b = np.linalg.solve(gram / size**2 + np.diag(1 / v), xy / size**2)
        v = 0.5 * b**2 + 0.0014 * size**2
    cov = np.linalg.inv(gram / size**2 + np.diag(1 / v))
    mean = cov @ xy / size**2
    b = mean + rng.standard_normal((4, 500, p)) @ np.linalg.cholesky(cov).T
    sigma = rng.gamma(400, 1 / 400, (4, 500)) * size
    theta = {"sigma": sigma} if problem.likelihood.has_sigma else {}
    beta, intercept = problem.restore(b)
    scales = tuple(block.label for block in problem.blocks if block.scale is None)
    kappa = 1 / (1 + np.diag(gram) * v / size**2) * rng.uniform(0.8, 1.0, (4, 500, 1))
    draws = SimpleNamespace(
        beta=beta,
        intercept=intercept,
        sigma=sigma if theta else np.ones((4, 500)),
        theta=theta,
        scale=0.4 * rng.gamma(30, 1 / 30, (4, 500, len(scales))),
        scale_labels=scales,
        kappa=kappa,
        stats={},
        engine="direct" if family == "normal" else "gibbs",
        seed=7,
        warmup=0 if family == "normal" else 500,
        independent=family == "normal",
        complete=True,
        thin=1,
        wall=0.1,
        problem=problem,
    )
    post = SimpleNamespace(
        draws=draws,
        problem=problem,
        engine=draws.engine,
        why_engine="the fastest exact engine",
        complete=True,
        warnings=(),
        checks=_checks(problem),
        left_out=_left_out(problem, beta, intercept),
        shrinkage=Shrinkage.of(draws),
        r2=lambda kind, level: Quantity("R²", 0.5 + 0.01 * sigma / size, level=level),
        rmse=lambda kind, level: Quantity("RMSE", sigma, level=level),
        summary=lambda level=0.95: _summary(draws, level),
        effects=lambda level=0.95: of_draws(draws, None, level, standardized=False),
        posterior_predictive=lambda **options: _replicated(draws, **options),
        has_rows=True,
    )
    post.at_hand = post  # its rows are in memory
    largest = problem.features[int(np.argmax(np.abs(np.mean(beta, axis=(0, 1)))))]
    no_map = family == "horseshoe"
    fit = None if no_map else _fit(problem, mean)
    lam = LamPosterior.of(draws)
    entry = SimpleNamespace(
        name=name,
        model=Model.of(problem),
        problem=problem,
        fit=fit,
        lam=lam if fit is None else lam.beside(fit),
        significance=Significance.of_tenth(draws),
        why_no_map="no MAP exists: the density is unbounded at 0" if no_map else None,
        closed=None,
        same_lam=None
        if fit is None
        else SimpleNamespace(
            fit=fit,
            farthest=0.32,
            effect=largest,
            margin=0.8,
            exact=1e-15 if family == "normal" else None,
        ),
        post=post,
        loo=SimpleNamespace(),
        nuts=SimpleNamespace(
            draws=SimpleNamespace(**{**vars(draws), "engine": "nuts"}),
            checks=_checks(problem),
        )
        if verified
        else None,
        agreement=_agreement(problem.features, rng) if verified else None,
        largest=largest,
    )
    entry.scores = Scores.of(post, SimpleNamespace(elpd=-2.1 * problem.n, se=9.0))
    entry.scales = Entry.scales.fget(entry)
    entry.profiles = profiles(entry)
    return entry


def _fit(problem: Any, mean: Any) -> Any:
    kink = bool(problem.blocks) and problem.blocks[0].prior.family == "laplace"
    size = SIGMA if problem.likelihood.has_sigma else 1.0
    b = np.sign(mean) * np.maximum(np.abs(mean) - (0.074 * size if kink else 0.0), 0.0)
    unknown = [0.4 for block in problem.blocks if block.scale is None]
    fixed = problem.at(sigma=size, scale=unknown or None)
    beta = pd.Series(problem.restore(b)[0], index=list(problem.features))
    table = pd.DataFrame(
        {
            "formulation": ["closed form", "own", "first order", "second order"],
            "difference": [2.2e-16, 0.0, 3.1e-9, 4e-12],
            "limit": [1e-10, 1e-10, 1e-8, 1e-8],
            "ok": [True] * 4,
            "reported": [False, True, False, False],
        },
        index=["closed_form", "coordinate_descent", "lbfgsb", "newton_cg"],
    )
    return SimpleNamespace(
        problem=fixed,
        penalty=fixed.penalty,
        b=b,
        beta=beta,
        standardized=beta * problem.column_sd,
        intercept=152.0,
        sigma=size,
        theta={name: np.array([value]) for name, value in fixed.known.items()},
        scale=0.4,
        solver="coordinate descent",
        hyper="σ and scale maximise the evidence" if size > 1.0 else "λ by cross-validation",
        certificate=SimpleNamespace(
            gap=1e-12, gap_limit=1e-6, kkt=1e-11, kkt_limit=1e-9, sigma=size, ok=True,
            nats=3.4e-16, why="duality gap 1e-12 ≤ 1e-6 and KKT residual 1e-11 ≤ 1e-9",
        ),
        correspondence=SimpleNamespace(
            table=table, max_difference=3.1e-9, ok=True, why="all four routes meet"
        ),
    )  # fmt: skip


def _left_out(problem: Any, beta: Any, intercept: Any) -> Any:
    """y less its mean, as if no row had a say in its own prediction."""
    flat = beta.reshape(-1, beta.shape[-1])
    eta, theta = problem.design.points.under(flat, intercept.ravel(), {})
    return problem.design.y - problem.likelihood.mean(eta, theta).mean(axis=1)


def _replicated(run: Any, *, seed: int, draws: int, rows: Any) -> Any:
    pick = np.linspace(0, run.sigma.size - 1, draws).astype(int)
    beta = run.beta.reshape(-1, run.beta.shape[-1])[pick]
    eta = beta @ run.problem.design.X[rows].T + run.intercept.ravel()[pick, None]
    noise = np.random.default_rng(seed).standard_normal(eta.shape)
    return (eta + run.sigma.ravel()[pick, None] * noise)[None]


def _checks(problem: Any) -> Any:
    names = [f"beta[{f}]" for f in problem.features]
    names += ["log sigma"] if problem.likelihood.has_sigma else []
    table = pd.DataFrame(
        {"mean": 1.0, "sd": 0.5, "mcse_mean": 0.01, "ess_bulk": 1900.0, "ess_tail": 1800.0,
         "rhat": 1.001},
        index=pd.Index(names, name="unknown"),
    )  # fmt: skip
    why = "R-hat at most 1.01 (largest 1.001)"
    return SimpleNamespace(ok=True, why=why, table=table, failures=(), divergences=None)


def _agreement(features: tuple[str, ...], rng: np.random.Generator) -> Any:
    names = np.repeat([f"beta[{f}]" for f in features], 5)
    z = rng.standard_normal(len(names))
    table = pd.DataFrame(
        {"unknown": names, "statistic": ["mean", "sd", "q5", "q50", "q95"] * len(features),
         "a": 1.0, "b": 1.01, "mcse": 0.01, "z": z}
    )  # fmt: skip
    worst = float(np.max(np.abs(z)))
    return SimpleNamespace(
        ok=True, why=f"all within Monte Carlo error: largest |z| = {worst:.2f}", max_z=worst,
        mean_z2=float(np.mean(z**2)), limit=4.5, table=table, skipped=(),
    )  # fmt: skip


def _summary(draws: Any, level: float) -> pd.DataFrame:
    flat = draws.beta.reshape(-1, draws.beta.shape[-1])
    tails = np.quantile(flat, [(1 - level) / 2, (1 + level) / 2], axis=0)
    text = f"{100 * level:.6g}"
    return pd.DataFrame(
        {
            "mean": flat.mean(axis=0),
            "sd": flat.std(axis=0, ddof=1),
            f"eti{text}_lb": tails[0],
            f"eti{text}_ub": tails[1],
            "p_positive": (flat > 0).mean(axis=0),
        },
        index=list(draws.problem.features),
    )


def _coefficients(entries: dict[str, Any], level: float) -> pd.DataFrame:
    parts = {}
    for name, entry in entries.items():
        table = _summary(entry.post.draws, level)
        optimum = np.nan if entry.fit is None else entry.fit.beta
        table.insert(0, "map", optimum)
        table.insert(1, "zero", None if entry.fit is None else entry.fit.beta == 0)
        table["kappa"] = entry.post.shrinkage.mean
        parts[name] = table
    return pd.concat(parts, names=["prior", "feature"])


def _table(names: tuple[str, ...]) -> pd.DataFrame:
    k = np.arange(len(names), dtype=float)
    return pd.DataFrame(
        {
            "rank": k.astype(int), "elpd": -2402.4 - k, "elpd_diff": -1.2 * k, "dse": 1.1 * k,
            "p_worse": np.where(k == 0, np.nan, 0.9), "p_eff": 9.5 - k,
            "weight": np.where(k == 0, 1.0, 0.0), "max_khat": 0.31 + 0.02 * k,
        },
        index=pd.Index(names[::-1], name="prior"),
    )  # fmt: skip


def _with_one_lam(entries: dict[str, Any]) -> list[Any]:
    fits = [entry.fit for entry in entries.values() if entry.fit is not None]
    return [fit for fit in fits if len(fit.problem.blocks) == 1]


def _path(entries: dict[str, Any]) -> Any:
    fits = _with_one_lam(entries)
    return path(fits[-1].problem, n=60) if fits else None


def _choice(entries: dict[str, Any]) -> Any:
    fits = _with_one_lam(entries)
    if not fits:
        return None
    return choose(fits[-1].problem, ["cv", "cv-1se", "bic"], n=30, folds=3)
