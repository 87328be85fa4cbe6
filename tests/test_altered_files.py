"""Laws of altered files: whatever a field was changed into under a right checksum, the file is
refused by a message, or loads to a result that answers; nothing raw is raised, then or later."""

from __future__ import annotations

import copy
import math
import warnings

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg.language.errors import BadArgument, BadData, NotSupported
from bayesreg.storage import load_payload, save_payload

RNG = np.random.default_rng(6)
N = 30
FRAME = pd.DataFrame(
    {
        "x": RNG.normal(size=N),
        "z": RNG.normal(2.0, 3.0, size=N),
        "g": RNG.permutation(list("abc") * (N // 3)),
        "k": RNG.integers(1, 4, size=N),
    },
    index=[f"r{i}" for i in range(N)],
)
FRAME["y"] = FRAME["x"] + RNG.normal(size=N)
FRAME["won"] = np.where(FRAME["y"] > 0, "yes", "no")
FRAME["time"] = RNG.uniform(0.5, 4.0, size=N)
FRAME["visits"] = RNG.poisson(FRAME["time"] * np.exp(0.4 * FRAME["x"]))
X, Y = FRAME[["x", "z"]], FRAME["y"]
DRAWS = {"seed": 1, "draws": 20, "chains": 2}
GROUPED = br.Laplace(0.5, groups=[["x", "z"]])
TWO = {"x": br.Normal(), ...: br.Laplace()}
LABELS = br.Model({"x": br.Normal(1.0), ...: br.Normal(2.0)}, br.Bernoulli())


def comparison(priors, *data, **more):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return br.compare(priors, *data, **DRAWS, **more)


FILES = {
    "map": lambda: br.fit_map(br.Model().condition(X, Y, weights=FRAME["k"], standardize=True)),
    "map of a formula": lambda: br.fit_map(
        br.Model(br.Normal(1.0)).condition_formula("y ~ scale(x)*g", FRAME, standardize=True)
    ),
    "map in groups": lambda: br.fit_map(br.Model(GROUPED, br.Gaussian(1.0)).condition(X, Y)),
    "map of counts by a formula": lambda: br.fit_map(
        br.Model(br.Normal(1.0), br.NegativeBinomial(3.0)).condition_formula(
            "visits ~ scale(x) + g + offset(log(time)) + offset(0.1 * z)", FRAME
        )
    ),
    "map of successes": lambda: br.fit_map(
        br.Model(br.Laplace(0.5), br.Binomial()).condition(
            X, FRAME["visits"] % 4, trials=FRAME["k"] + 3, offset=0.1 * FRAME["z"]
        )
    ),
    "map on moments": lambda: br.fit_map(br.Model(br.Normal(1.0)).condition(br.Moments.of(X, Y))),
    "moments": lambda: br.Moments.of(X, Y, FRAME["k"]),
    "moments with a root": lambda: br.Moments.of(X.assign(w=X["x"] + 1e-4 * X["z"]), Y),
    "moments of few rows": lambda: br.Moments.of(X[:3], Y[:3]),
    "map given a prior": lambda: br.fit_map(
        br.Model(br.Normal([1.0, 2.0])).condition(X, Y).given(prior=br.Laplace(2.0), sigma=1.0)
    ),
    "posterior": lambda: br.sample(br.Model(TWO).condition(X, Y), **DRAWS),
    "posterior of labels": lambda: br.sample(LABELS.condition(X, FRAME["won"]), **DRAWS),
    "posterior of a formula": lambda: br.sample(
        br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition_formula("y ~ g - 1", FRAME), **DRAWS
    ),
    "comparison": lambda: comparison({"one": br.Normal(0.5), "two": br.Normal(2.0)}, X, Y),
    "comparison of labels": lambda: comparison({"one": LABELS}, X, FRAME["won"]),
    "comparison on moments": lambda: comparison({"own": br.Horseshoe()}, br.Moments.of(X, Y)),
}
VALUES = [
    None, "", "x", -1, 0, 1, 0.5, math.nan, math.inf, -math.inf, True, False, [], {}, [None], [[]],
    {"a": 1}, 2**63, 10**400, -(10**30), 1e308, "\x00",
]  # fmt: skip
GONE = object()


def of_array(old):
    """An array in other shapes, types and values."""
    yield None
    yield old[:0] if old.ndim else old[None]
    yield old[None]
    yield old.ravel()[:1]
    yield np.array(0.5)
    yield old.astype(bool)
    yield old.astype(np.int8)
    yield np.full(old.shape, np.nan)
    yield np.full(old.shape, np.inf)
    yield np.zeros(old.shape, old.dtype)
    yield np.full(old.shape, -1, np.int64 if old.dtype.kind in "iub" else float)
    yield np.full(old.shape, 2**62 if old.dtype.kind in "iu" else 1e308).astype(old.dtype)
    if old.ndim > 1:
        yield np.repeat(old, 2, axis=-1)


def places(record, at=()):
    """Every place in nested JSON; of lists the first two and the last."""
    pairs = record.items() if isinstance(record, dict) else enumerate(record)
    for key, value in pairs:
        if isinstance(record, list) and key not in (0, 1, len(record) - 1):
            continue
        yield (*at, key)
        if isinstance(value, dict | list):
            yield from places(value, (*at, key))


def changed(meta, where, value):
    found = copy.deepcopy(meta)
    here = found
    for key in where[:-1]:
        here = here[key]
    if value is GONE:
        del here[where[-1]]
    else:
        here[where[-1]] = value
    return found


def alterations(payload):
    """(what, arrays, meta) of every alteration of every field."""
    for name, old in payload.arrays.items():
        for k, new in enumerate(of_array(old)):
            rest = {n: a for n, a in payload.arrays.items() if n != name}
            yield (name, k), rest if new is None else rest | {name: new}, payload.meta
    for where in places(payload.meta):
        for value in [*VALUES, GONE]:
            yield (*where, value), payload.arrays, changed(payload.meta, where, value)
    yield "kind", payload.arrays, payload.meta


def answers(result):
    """Ask what every result is asked; σ and scales must be numbers above 0."""
    repr(result)
    if isinstance(result, br.Moments):
        for found in (result, result + result, result.about_zero() if result.centred else result):
            assert np.isfinite(found.cross).all()
            assert np.isfinite(np.append(found.x_sd, found.y_sd)).all()
        answers(br.fit_map(br.Model(br.Normal(1.0), br.Gaussian(1.0)).condition(result)))
        return
    if isinstance(result, br.MapFit):
        assert result.sigma > 0
        assert math.isfinite(result.sigma)
        result.summary()
        by_formula, design = _by_formula(result.problem), result.problem.design
        beside = design is not None and design.offset is not None and not by_formula
        more = {"offset": 0.1 * FRAME["z"]} if beside else {}
        found = result.predict(FRAME if by_formula else X.to_numpy(), **more)
        assert np.isfinite(found).all()
        return
    entries = [result] if isinstance(result, br.Posterior) else [
        entry.post for entry in result.entries.values()
    ]  # fmt: skip
    for post in entries:
        assert np.all(post.draws.sigma > 0)
        assert np.isfinite(post.draws.sigma).all()
        assert np.all(post.draws.scale > 0)
        repr(post)
        post.predict(FRAME if _by_formula(post.problem) else X.to_numpy(), level=0.9)
    if not isinstance(result, br.Posterior):
        repr(result.choice)
        repr(result.path)
        for entry in result.entries.values():
            repr(entry)
            repr(entry.loo)
            repr(entry.fit)


def _by_formula(problem):
    return problem.design is not None and problem.design.spec is not None


REFUSALS = (BadData, BadArgument, NotSupported)


def outcome(path, kind, arrays, meta):
    """What came of it: "refused", "answered", or what went wrong."""
    save_payload(path, kind, arrays, meta, overwrite=True)
    try:
        result = br.load(path)
    except BadData as error:
        text = str(error)
        return "refused" if text.startswith("this file does not hold a bayesreg result: ") else text
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"load raised {type(error).__name__}: {error}"
    try:
        answers(result)
    except REFUSALS:  # a question with an answer in words, such as of another column
        return "answered"
    except Exception as error:  # noqa: BLE001
        return f"loaded, then {type(error).__name__}: {error}"
    return "answered"


def checked(path, make, count=None, only=()):
    """Alterations by outcome: all, or so many of them, or those of some arrays."""
    result = make()
    result.save(path)
    payload = load_payload(path)
    assert outcome(path, payload.kind, payload.arrays, payload.meta) == "answered"
    every = [one for one in alterations(payload) if not only or one[0][0] in only]
    if count is not None:
        rng = np.random.default_rng(len(every))
        every = [every[k] for k in rng.choice(len(every), min(count, len(every)), replace=False)]
    found = {}
    for what, arrays, meta in every:
        kind = "nothing" if what == "kind" else payload.kind
        found.setdefault(outcome(path, kind, arrays, meta), []).append(what)
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", [5, pytest.param(100, marks=pytest.mark.slow)])
@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_altered_files_are_refused_or_answer(make, count, tmp_path):
    found = checked(tmp_path / "file.breg", make, count)
    wrong = {why: places for why, places in found.items() if why not in ("refused", "answered")}
    assert not wrong
    assert len(found["refused"]) > len(found.get("answered", ()))


@pytest.mark.filterwarnings("ignore")
def test_a_reader_that_checks_no_ranges_is_found_out(tmp_path, monkeypatch):
    """The negative control: the alterations reach what the checks are for."""
    for name in ("_refuse_misshapen", "_refuse_out_of_range"):
        monkeypatch.setattr(f"bayesreg.storage.contents.{name}", lambda draws: None)
    found = checked(tmp_path / "file.breg", FILES["posterior"], only=("sigma", "scale", "beta"))
    assert any(why.startswith("loaded, then") for why in found)


NAMED = {
    "estimate": (("estimate",), 0),
    "standardize": (("standardize",), "yes"),
    "sigma": (("sigma",), -1.0),
    "names": (("names",), [1]),
    "scale": (("blocks", 0, "scale"), math.nan),
    "model": (("model",), GONE),
    "blocks": (("blocks",), []),
    "solver": (("solver",), None),
}


@pytest.mark.parametrize("field, change", NAMED.items(), ids=NAMED)
def test_a_refusal_names_the_field(field, change, tmp_path):
    path = tmp_path / "file.breg"
    FILES["map given a prior"]().save(path)
    payload = load_payload(path)
    save_payload(path, "map", payload.arrays, changed(payload.meta, *change), overwrite=True)
    with pytest.raises(BadData, match=rf"does not hold a bayesreg result: .*{field}"):
        br.load(path)
