"""The methods paragraph: what was done, in sentences ready to paste."""

from __future__ import annotations

from typing import Any

from bayesreg.data.stores.read import grouped
from bayesreg.language.text import listed, shortened
from bayesreg.likelihoods import ConstantCurvature

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
    "independent": "independence Metropolis with proposals given the prior scale",
    "streamed": "draws about the mode or mean, all scored in one pass over the rows: proposals of "
    "independence Metropolis where scales are known, weighed elsewhere (Vihola et al., 2020)",
    "laplace": "a normal approximation, log L its quadratic at the mode or mean; it is not exact",
    "tangent": "independence Metropolis about the mode of (β, β₀)",
    "hmc": "Hamiltonian Monte Carlo about the mode of (β, β₀)",
    "nuts": "the No-U-Turn sampler of PyMC",
}

KINDS = {"identity": "linear", "logit": "logistic", "log": "log-linear"}


def laws(comparison: Any) -> list[Any]:
    """The likelihoods, one of each kind."""
    found = {e.problem.likelihood.noun: e.problem.likelihood for e in comparison.entries.values()}
    return list(found.values())


def objective(comparison: Any) -> str:
    """The convention that every λ refers to."""
    problem = _first(comparison).problem
    shift = "" if comparison.data is None or comparison.data.offset is None else "offset + "
    kinds = laws(comparison)
    said = words_of(kinds[0], shift)
    if len(kinds) > 1:
        each = {law.noun: words_of(law, shift) for law in kinds}
        losses = listed([f"{one['loss']} under {noun}" for noun, one in each.items()])
        where = next((one["where"] for one in each.values() if one["where"]), "")
        nats = dict.fromkeys(one["nats"] for one in each.values())
        said = {"loss": "L", "where": f"with L = {losses}, {where}", "nats": " or ".join(nats)}
    b = "b = sd(x)·β, the coefficients of standardised columns" if problem.standardize else "b = β"
    return f"{OBJECTIVE.format(**said)}Here {b}."


def formulae(comparison: Any) -> str:
    """κ_j in symbols: by prior, where likelihoods or engines have it about another curvature."""
    found: dict[str, list[str]] = {}
    for name, entry in comparison.entries.items():
        found.setdefault(entry.post.shrinkage.formula, []).append(shortened(name, 40))
    said = [
        f"{one} under {listed(names)}" * (len(found) > 1) or one for one, names in found.items()
    ]
    text = "; ".join(said)
    return text + "," * ("," in text)


def words_of(likelihood: Any, shift: str = "") -> dict[str, str]:
    """The loss in symbols, what η is, and what is a negative log posterior."""
    nats = "J" if likelihood.phi == "1" else f"J/{likelihood.phi}"
    if isinstance(likelihood, ConstantCurvature):
        minus = shift.replace(" + ", " − ")
        return {"loss": f"½ Σ w(y − {minus}β₀ − x'β)²", "where": "", "nats": nats}
    loss = likelihood.words("η")
    return {"loss": loss, "where": f"η = {shift}β₀ + x'β, " * ("η" in loss), "nats": nats}


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
    return (
        f"We fitted Bayesian {kind} regressions of {y} on {columns} column"
        f"{'s' if columns != 1 else ''} ({rows} of {shortened(comparison.dataset, 60)}), columns "
        f"{scaled}{flat}, with {intercept} and {_noise(comparison)}.{_known(comparison)}"
    )


def _noise(comparison: Any) -> str:
    """The likelihoods with their links, and how what they do not know was treated."""
    said = dict.fromkeys(_law(e.model.likelihood) for e in comparison.entries.values())
    one = laws(comparison)[0]
    if one.has_sigma:
        return " or ".join(said)
    return f"the likelihood {' or '.join(said)}, {one.link} link"


def _law(likelihood: Any) -> str:
    """A likelihood by its name, with the values or priors of its own unknowns."""
    noun = "normal noise" if isinstance(likelihood, ConstantCurvature) else likelihood.noun
    parts = []
    for name, value in likelihood.unknowns.items():
        letter = {"sigma": "σ"}.get(name, name)
        if isinstance(value, float):
            parts.append(f"{letter} = {value:g}")
        elif repr(value).startswith("p("):
            parts.append(f"{letter} unknown, {value!r}")
        else:
            parts.append(f"{letter} ~ {value!r}")
    return f"{noun} ({'; '.join(parts)})" if parts else noun


def _known(comparison: Any) -> str:
    """What was known of rows beside their columns."""
    data, said = comparison.data, ""
    if data is not None and data.offset is not None:
        said += " A known offset, such as the log of an exposure, was added to η."
    if data is not None and data.trials is not None:
        total = f"{float(data.frequencies @ data.trials):g}"
        said += f" Each row counts successes among its trials, {total} in all."
    return said


def _priors(comparison: Any) -> str:
    """The prior of each fit, with its unit."""
    named = [f"{shortened(n, 40)}: {e.model.prior!r}" for n, e in comparison.entries.items()]
    told = {
        shortened(name, 40): f"{shortened(name, 40)}: {block.prior.remark}"
        for name, entry in comparison.entries.items()
        for block in entry.problem.blocks
        if block.prior.remark
    }
    settled = f" The data settled this of them: {'; '.join(told.values())}." if told else ""
    priors = f"The coefficients had these priors, scales in the unit named: {'; '.join(named)}."
    return priors + settled


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
    eps, formula = first.significance.words, formulae(comparison)
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
    whom = "Priors" if len(laws(comparison)) == 1 else "Models"
    text = f"{whom} were compared by {how} (Vehtari, Gelman and Gabry, 2017)."
    text += f"{_in_passes(comparison)} {intervals}"
    weighed = len(comparison.table) > 1 and comparison.table["weight"].notna().any()
    return text + " Stacking weights are those of Yao et al. (2018)." * bool(weighed)


def _in_passes(comparison: Any) -> str:
    """Of rows that are read in passes, how many of them were left out, and which are shown."""
    found = [e.loo for e in comparison.entries.values() if hasattr(e.loo, "counted")]
    if not found:
        return ""
    first, n = found[0], grouped(int(found[0].n_data_points))
    said = f" Rows were read in passes, each of {n} rows left out in one pass"
    if any(one.subsampling_se for one in found):
        said += (
            f"; where that has no closed form, {grouped(len(first.row))} rows, drawn by a hash of "
            "their numbers, with the difference to a normal approximation of all (Magnusson et "
            "al., 2020)"
        )
    if len(first.row) == int(first.n_data_points):
        return f"{said}."
    sample = f"{grouped(len(first.row))} of {n} rows"
    return f"{said}. Figures and findings are from {sample}, drawn by a hash of their numbers."


def _software(comparison: Any) -> str:
    """Versions."""
    versions = dict(comparison.provenance.get("versions", {}))
    said = ", ".join(f"{k} {v}" for k, v in versions.items() if v != "not installed")
    return f"Software: {said}." if said else ""
