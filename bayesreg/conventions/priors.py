"""Probabilistic programs, whose arguments are scales of priors: λ₂ = φ/sd² and λ₁ = φ/b."""

from __future__ import annotations

from dataclasses import replace

from bayesreg.conventions.convention import Convention

EVERY: dict[str, dict[str, object]] = {
    name: {}
    for name in (
        "Gaussian",
        "Bernoulli",
        "Binomial",
        "Poisson",
        "NegativeBinomial",
        "StudentTNoise",
        "LaplaceNoise",
    )
}
NORMAL = Convention(
    name="bayesreg.Normal",
    objective="−log L + Σ βⱼ²/(2·scale²)",
    lam2="phi / scale**2",
    gives={"scale": "sqrt(phi / lam2)"},
    likelihoods=EVERY,
    only={"unit": (("y",), "a scale in units of σ is scale·σ in that of y: say that")},
    by_column=("scale",),
    without={"intercept": False},
    source="https://doi.org/10.1080/00401706.1970.10488634",
)
LAPLACE = replace(
    NORMAL,
    name="bayesreg.Laplace",
    objective="−log L + Σ |βⱼ|/scale",
    lam1="phi / scale",
    lam2="0",
    gives={"scale": "phi / lam1"},
    source="https://doi.org/10.1111/j.2517-6161.1996.tb02080.x",
)
_PYMC = "https://www.pymc.io/projects/docs/en/stable/api/distributions/continuous.html"
_BRMS = "https://paulbuerkner.com/brms/reference/set_prior.html"
_BAMBI = "https://bambinos.github.io/bambi/"
_STAN = "https://mc-stan.org/rstanarm/reference/priors.html"
_OWN_INTERCEPT = "but for the intercept, whose prior is proper there; make it flat, or wide"


def _renamed(one: Convention, name: str, scale: str, call: str, page: str) -> Convention:
    """A prior on raw columns in another program's words."""
    pair = ("scale", scale)
    return replace(
        one,
        name=name,
        objective=one.objective.replace(*pair),
        lam1=one.lam1.replace(*pair),
        lam2=one.lam2.replace(*pair),
        gives={scale: next(iter(one.gives.values()))},
        only={},
        by_column=(scale,),
        limits=_OWN_INTERCEPT,
        without={},
        call=call,
        checked="documentation",
        source=page,
    )


_AUTO = Convention(
    name="rstanarm.normal",
    objective="−log L + Σ (sd(xⱼ)·βⱼ)²/(2·(scale·sd(y))²), sd's with divisor N − 1",
    lam2="phi * (n - 1) / n / (scale * sd_y)**2",
    gives={"scale": "sqrt(phi * (n - 1) / n / lam2) / sd_y"},
    defaults={"scale": 2.5},
    when={"autoscale": True},
    by_column=("scale",),
    columns="sd1",
    without={},
    limits=_OWN_INTERCEPT,
    checked="documentation",
    source=_STAN,
)
_UNIT = replace(
    _AUTO,
    objective="−log L + Σ (sd(xⱼ)·βⱼ)²/(2·scale²), sd's with divisor N − 1",
    lam2="phi / scale**2",
    gives={"scale": "sqrt(phi / lam2)"},
    likelihoods={name: {} for name in ("Bernoulli", "Binomial", "Poisson", "NegativeBinomial")},
)
PRIORS = [
    NORMAL,
    LAPLACE,
    Convention(
        name="bayesreg.ElasticNet",
        objective="−log L + Σ [mix·|βⱼ|/scale + (1 − mix)·βⱼ²/(2·scale²)]",
        lam1="mix * phi / scale",
        lam2="(1 - mix) * phi / scale**2",
        # scale s solves λ₂s² + λ₁s = φ, since mix = λ₁s/φ; written so that λ₂ = 0 is no exception.
        gives={
            "scale": "2 * phi / (lam1 + sqrt(lam1**2 + 4 * phi * lam2))",
            "mix": "2 * lam1 / (lam1 + sqrt(lam1**2 + 4 * phi * lam2))",
        },
        likelihoods=EVERY,
        only=NORMAL.only,
        by_column=("scale", "mix"),
        without={"intercept": False},
        source="https://doi.org/10.1111/j.1467-9868.2005.00503.x",
    ),
    _renamed(NORMAL, "pymc.Normal", "sd", 'pm.Normal("beta", 0, sigma={sd})', _PYMC),
    _renamed(LAPLACE, "pymc.Laplace", "b", 'pm.Laplace("beta", 0, {arguments})', _PYMC),
    _renamed(NORMAL, "brms.normal", "sd", 'set_prior("normal(0, {sd})", class = "b")', _BRMS),
    _renamed(
        LAPLACE,
        "brms.double_exponential",
        "scale",
        'set_prior("double_exponential(0, {scale})", class = "b")',
        _BRMS,
    ),
    Convention(
        name="brms.default",
        objective="−log L: coefficients are flat",
        gives={},
        likelihoods=EVERY,
        without={},
        limits=_OWN_INTERCEPT,
        checked="source",
        one_way="its prior on coefficients is flat, whatever λ is; brms.normal takes one",
        source=_BRMS,
    ),
    _AUTO,
    _UNIT,
    _renamed(NORMAL, "bambi.Normal", "sd", 'bmb.Prior("Normal", mu=0, sigma={sd})', _BAMBI),
    _renamed(LAPLACE, "bambi.Laplace", "b", 'bmb.Prior("Laplace", mu=0, {arguments})', _BAMBI),
    Convention(
        name="bambi.default",
        objective="−log L + Σ (sd(xⱼ)·βⱼ)²/(2·(2.5·sd(y))²)",
        lam2="phi / (2.5 * sd_y)**2",
        columns="sd",
        without={},
        limits=_OWN_INTERCEPT,
        one_way="its default is a prior of one size; bambi.Normal takes another",
        checked="source",
        source=_BAMBI,
    ),
    replace(
        LAPLACE,
        name="rstanarm.laplace",
        when={"autoscale": False},
        only={},
        limits=_OWN_INTERCEPT,
        without={},
        checked="documentation",
        source=_STAN,
    ),
    replace(
        NORMAL,
        name="rstanarm.normal",
        when={"autoscale": False},
        only={},
        limits=_OWN_INTERCEPT,
        without={},
        checked="documentation",
        source=_STAN,
    ),
]
