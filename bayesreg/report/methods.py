"""The methods paragraph: what was done, in sentences ready to paste."""

from __future__ import annotations

from typing import Any

from bayesreg.language.text import shortened

OBJECTIVE = (
    "Every prior that is a penalty is stated in one convention: J = {loss} + λ₁‖b‖₁ + ½λ₂‖b‖², "
    "{where}summed over rows, the intercept unpenalised; {nats} is the negative log "
    "posterior of β up to a constant. "
)
ENGINES = {
    "exact": "exact sampling from the conjugate posterior",
    "direct": "independent draws by quadrature over the scale in the eigenbasis of X'X",
    "gibbs": "Gibbs sampling of the scale-mixture form",
    "tilted": "independence sampling from a tilted normal",
    "tangent": "independence Metropolis about the mode of (β, β₀)",
    "nuts": "the No-U-Turn sampler of PyMC",
}

KINDS = {"identity": "linear", "logit": "logistic", "log": "log-linear"}


def objective(comparison: Any) -> str:
    """The convention that every λ refers to."""
    problem = _first(comparison).problem
    said = words_of(problem.likelihood)
    b = "b = sd(x)·β, the coefficients of standardised columns" if problem.standardize else "b = β"
    return f"{OBJECTIVE.format(**said)}Here {b}."


def words_of(likelihood: Any) -> dict[str, str]:
    """The loss in symbols, and what is a negative log posterior."""
    if likelihood.has_sigma:
        return {"loss": "½ Σ w(y − β₀ − x'β)²", "where": "", "nats": "J/σ²"}
    loss = likelihood.words("η")
    return {"loss": loss, "where": "η = β₀ + x'β, " * ("η" in loss), "nats": "J"}


def methods(comparison: Any, level: float) -> str:
    """One paragraph for the methods section of a paper, with versions."""
    parts = [
        _model(comparison),
        _priors(comparison),
        _optimum(comparison),
        _posterior(comparison),
        _verification(comparison),
        _shrinkage(comparison),
        _prediction(comparison, level),
        _software(comparison),
    ]
    return " ".join(part for part in parts if part)


def _first(comparison: Any) -> Any:
    return next(iter(comparison.entries.values()))


def _model(comparison: Any) -> str:
    """Response, rows, columns, weights, intercept."""
    problem = _first(comparison).problem
    y = "the response" if comparison.data is None else shortened(comparison.data.y_name, 60)
    weighted = comparison.data is not None and comparison.data.weights is not None
    columns = len(problem.features)
    scaled = "standardised by their 1/N standard deviation" if problem.standardize else "as given"
    intercept = "an intercept with a flat prior" if problem.intercept else "no intercept"
    flat = f"; {len(problem.flat)} of them with a flat prior" if len(problem.flat) else ""
    rows = f"{problem.moments.rows} rows" + (
        f" with frequency weights (sum {problem.n:g})" if weighted else ""
    )
    likelihood, classes = problem.likelihood, problem.classes_
    if classes is not None:
        y += f" ({shortened(str(classes[1]), 40)} against {shortened(str(classes[0]), 40)})"
    kind = KINDS.get(likelihood.link, likelihood.link)
    noise = f"and normal noise ({_noise(comparison)})"
    if not likelihood.has_sigma:
        noise = f"and the likelihood {_noise(comparison)}"
    return (
        f"We fitted Bayesian {kind} regressions of {y} on {columns} column"
        f"{'s' if columns != 1 else ''} ({rows} of {shortened(comparison.dataset, 60)}), columns "
        f"{scaled}{flat}, with {intercept} {noise}."
    )


def _noise(comparison: Any) -> str:
    """How σ was treated, by prior where that differs."""
    said = list(dict.fromkeys(repr(e.model.likelihood) for e in comparison.entries.values()))
    words = ["σ unknown, p(σ²) ∝ 1/σ²" if text == "Gaussian()" else text for text in said]
    return "; ".join(words)


def _priors(comparison: Any) -> str:
    """The prior of each fit, with its unit."""
    named = [f"{shortened(n, 40)}: {e.model.prior!r}" for n, e in comparison.entries.items()]
    return f"The coefficients had these priors, scales in the unit named: {'; '.join(named)}."


def _optimum(comparison: Any) -> str:
    """How optima were found and certified."""
    fits = [e.fit for e in comparison.entries.values() if e.fit is not None]
    if not fits:
        return ""
    named = {shortened(n, 40): e.fit for n, e in comparison.entries.items() if e.fit is not None}
    chosen = "; ".join(f"{name}: {fit.hyper}" for name, fit in named.items())
    solvers = " and ".join(dict.fromkeys(str(fit.solver).replace("_", " ") for fit in fits))
    return (
        f"Penalised optima (MAP) were computed by {solvers}, with hyperparameters set as follows: "
        f"{chosen}. {_certified(named)}"
    )


def _certified(fits: dict[str, Any]) -> str:
    """How the optima were judged, and by what other routes they were reached again."""
    local = [name for name, fit in fits.items() if fit.certificate.gap is None]
    parts = []
    if len(local) < len(fits):
        whom = "The others were" if local else "Each was"
        parts.append(f"{whom} certified by its duality gap and KKT residual.")
    if local:
        parts.insert(0, f"Of {', '.join(local)} J is not convex: its MAP is a stationary point.")
    routes = [str(route) for fit in fits.values() for route in fit.correspondence.table.index]
    said = ", ".join(dict.fromkeys(route.replace("_", " ") for route in routes))
    return " ".join(
        [*parts, f"They were compared with the optima that these routes reach: {said}."]
    )


def _posterior(comparison: Any) -> str:
    """Engines, lengths, seed, and the criteria of convergence."""
    runs: dict[str, Any] = {}
    for entry in comparison.entries.values():
        runs.setdefault(entry.post.engine, entry.post.draws)
    words = []
    for engine, draws in runs.items():
        chains, length = draws.intercept.shape
        warm = f" after {draws.warmup} warm-up iterations" if draws.warmup else ""
        words.append(f"{ENGINES.get(engine, engine)} ({chains} × {length} draws{warm})")
    seed = comparison.provenance.get("seed")
    dependent = any(not draws.independent for draws in runs.values())
    criteria = (
        " Convergence of Markov chains was judged by rank-normalised R-hat (at most 1.01) and "
        "effective sample size (at least 100 per chain; Vehtari et al., 2021)."
        if dependent
        else ""
    )
    return f"Posteriors were computed by {'; '.join(words)}; seed {seed}.{criteria}"


def _verification(comparison: Any) -> str:
    """The check against PyMC, if it was run."""
    checked = [e for e in comparison.entries.values() if e.agreement is not None]
    if not checked:
        return ""
    agreed = sum(e.agreement is not None and e.agreement.ok is True for e in checked)
    return (
        f"Each of {len(checked)} posteriors was sampled again with the No-U-Turn sampler of PyMC; "
        f"means, standard deviations and 5, 50 and 95 % quantiles agreed within Monte Carlo error "
        f"for {agreed} of {len(checked)}."
    )


def _shrinkage(comparison: Any) -> str:
    """κ, m_eff, λ and ε, where they were computed."""
    entries = comparison.entries.values()
    if not any(len(e.problem.proper) for e in entries):
        return ""
    first = next(iter(entries))
    eps, formula = first.significance.words, first.post.shrinkage.formula
    formula += "," * ("," in formula)
    return (
        f"What each prior did is said by the shrinkage factors κ_j = {formula} of the "
        "coefficients (Carvalho, Polson and Scott, 2010), the effective number of non-zero "
        "coefficients m_eff = Σ(1 − κ_j) (Piironen and Vehtari, 2017), and the posterior of λ; "
        f"and by P(|sd(x)·β| > ε) with ε = {eps}."
    )


def _prediction(comparison: Any, level: float) -> str:
    """LOO and the kind of the intervals."""
    intervals = f"Intervals are equal-tailed {100 * level:.6g} % credible intervals."
    if not len(comparison.table):
        return intervals
    methods = sorted({str(method) for method in comparison.table.get("method", [])})
    if any(method.endswith("-fold") for method in methods):
        how = f"{' and '.join(methods)} cross-validation of the log predictive density"
    else:
        how = "leave-one-out expected log predictive density"
        said = {"exact": "closed form", "PSIS": "Pareto-smoothed importance sampling"}
        words = [said.get(m, m) for m in methods]
        how += f" ({', '.join(words)})" if words else ""
    text = f"Priors were compared by {how} (Vehtari, Gelman and Gabry, 2017). {intervals}"
    weighed = len(comparison.table) > 1 and comparison.table["weight"].notna().any()
    return text + " Stacking weights are those of Yao et al. (2018)." * bool(weighed)


def _software(comparison: Any) -> str:
    """Versions."""
    versions = dict(comparison.provenance.get("versions", {}))
    said = ", ".join(f"{k} {v}" for k, v in versions.items() if v != "not installed")
    return f"Software: {said}." if said else ""
