"""Laws of storage: what is saved comes back exactly; what is damaged or hostile is refused."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesreg as br
from bayesreg.data.container import HEADER, HEADER_SIZE
from bayesreg.language.errors import BadArgument, BadData
from bayesreg.storage import (
    draws_from_payload,
    draws_to_payload,
    load_payload,
    model_from_json,
    model_to_json,
    problem_from_payload,
    problem_to_payload,
    save_payload,
)
from tests.cases import CASES, LIKELIHOODS, priors
from tests.synthetic_draws import problem, synthetic

ARRAYS = {
    "a": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.random.default_rng(0).normal(size=(4, 5))),
    "empty": np.zeros((3, 0)),
    "flags": np.array([True, False]),
    "stats.n": np.array([1, 2**53 + 1]),
    "scalar": np.array(np.pi),
    "special": np.array([np.nan, np.inf, -0.0, 5e-324]),
}
META = {
    "x": 0.1 + 0.2,
    "tiny": 5e-324,
    "name": "<b>é列\u202e",
    "none": None,
    "list": [1, True, "a"],
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "result.bayesreg"


@pytest.fixture
def saved(path):
    save_payload(path, "demo", ARRAYS, META)
    return path


def test_contents_come_back_exactly(saved):
    payload = load_payload(saved, "demo")

    assert payload.kind == "demo"
    assert payload.meta == META
    assert set(payload.arrays) == set(ARRAYS)
    for name, array in ARRAYS.items():
        assert payload.arrays[name].dtype == array.dtype
        assert payload.arrays[name].shape == array.shape
        assert payload.arrays[name].tobytes() == array.tobytes()
        assert payload.arrays[name].flags.f_contiguous == array.flags.f_contiguous


def test_the_same_contents_are_the_same_bytes(saved, tmp_path):
    save_payload(tmp_path / "again", "demo", ARRAYS, META)

    assert (tmp_path / "again").read_bytes() == saved.read_bytes()


def test_numpy_alone_can_read_the_arrays(saved):
    """The file is no dead end: after the first line it is an ordinary npz."""
    with np.load(io.BytesIO(saved.read_bytes()[HEADER_SIZE:]), allow_pickle=False) as file:
        assert np.array_equal(file["a"], ARRAYS["a"])


def test_every_flipped_byte_is_found(saved):
    whole = saved.read_bytes()
    for position in np.random.default_rng(1).choice(len(whole), 60, replace=False).tolist():
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        saved.write_bytes(bytes(damaged))
        with pytest.raises(BadData, match=r"corrupt|unsupported"):
            load_payload(saved)
    saved.write_bytes(whole)
    load_payload(saved)


def test_every_byte_of_the_first_line_counts(saved):
    whole = saved.read_bytes()
    for position in range(HEADER_SIZE):
        damaged = bytearray(whole)
        damaged[position] ^= 0x01
        saved.write_bytes(bytes(damaged))
        with pytest.raises(BadData, match=r"corrupt|unsupported"):
            load_payload(saved)


DAMAGE = {
    "empty": (lambda b: b"", "corrupt: the file is empty"),
    "magic": (lambda b: b"PK" + b, "unsupported: it is not a file written by bayesreg"),
    "text": (lambda b: b"hello", "unsupported: it is not a file"),
    "magic only": (lambda b: b"BAYESREG ", "corrupt: its first line is damaged"),
    "newer": (lambda b: b.replace(b"BAYESREG 1", b"BAYESREG 2"), "unsupported: it has format 2"),
    "half": (lambda b: b[: len(b) // 2], "corrupt: .* bytes follow"),
    "last byte": (lambda b: b[:-1], "corrupt: .*truncated"),
    "appended": (lambda b: b + b"x", "corrupt: .*appended"),
    "first line only": (lambda b: b[:HEADER_SIZE], "corrupt: 0 bytes follow"),
}


@pytest.mark.parametrize("damage, message", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_told_apart(saved, damage, message):
    saved.write_bytes(damage(saved.read_bytes()))
    with pytest.raises(BadData, match=message):
        load_payload(saved)


def forge(path, members, *, compression=zipfile.ZIP_STORED):
    """A file with a correct checksum and any members: what a hostile stranger can write."""
    body = io.BytesIO()
    body.write(b" " * HEADER_SIZE)
    with zipfile.ZipFile(body, "w", compression) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=compression)
    rest = body.getvalue()[HEADER_SIZE:]
    digest = hashlib.sha256(rest).hexdigest()
    path.write_bytes(HEADER.format(version=1, digest=digest, size=len(rest)).encode() + rest)


def npy(array, **options):
    out = io.BytesIO()
    np.lib.format.write_array(out, array, **options)
    return out.getvalue()


def huge(shape):
    """An .npy header that declares far more than follows."""
    out = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(out, header)
    return out.getvalue()


class Evil:
    """Unpickling this would create a file."""

    def __reduce__(self):
        return (os.mkdir, ("unpickled",))


GOOD = ("meta.json", json.dumps({"kind": "demo", "meta": {}}))
HOSTILE = {
    "traversal": [GOOD, ("../evil.npy", npy(np.zeros(1)))],
    "absolute": [GOOD, ("/tmp/evil.npy", npy(np.zeros(1)))],
    "other file": [GOOD, ("run.py", "import os")],
    "pickle": [GOOD, ("a.npy", npy(np.array([Evil()], dtype=object), allow_pickle=True))],
    "text array": [GOOD, ("a.npy", npy(np.array(["a"])))],
    "huge shape": [GOOD, ("a.npy", huge((2**50, 2**10)))],
    "negative shape": [GOOD, ("a.npy", huge((-1, -8)))],
    "short data": [GOOD, ("a.npy", npy(np.zeros(9))[:-8])],
    "not npy": [GOOD, ("a.npy", b"\x93NUMPY\x09\x09")],
    "no meta": [("a.npy", npy(np.zeros(1)))],
    "not json": [("meta.json", "{")],
    "deep json": [("meta.json", "[" * 100_000)],
    "list for meta": [("meta.json", "[]")],
    "no kind": [("meta.json", json.dumps({"meta": {}}))],
    "number for kind": [("meta.json", json.dumps({"kind": 1, "meta": {}}))],
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
def test_hostile_files_are_refused_before_anything_happens(path, members, monkeypatch):
    monkeypatch.chdir(path.parent)
    forge(path, members)
    with pytest.raises(BadData, match="corrupt"):
        load_payload(path)

    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_a_compression_bomb_is_refused(path):
    forge(path, [GOOD, ("a.npy", npy(np.zeros(10**6)))], compression=zipfile.ZIP_DEFLATED)

    assert path.stat().st_size < 20_000
    with pytest.raises(BadData, match="compressed"):
        load_payload(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_occurs_twice_is_refused(path):
    forge(path, [GOOD, ("a.npy", npy(np.zeros(1))), ("a.npy", npy(np.ones(1)))])
    with pytest.raises(BadData, match="twice"):
        load_payload(path)


def test_another_kind_is_refused(saved):
    with pytest.raises(BadData, match="unsupported here: it holds 'demo', not 'posterior'"):
        load_payload(saved, "posterior")


def test_an_existing_file_is_kept_unless_told(saved):
    before = saved.read_bytes()
    with pytest.raises(BadArgument, match="overwrite=True"):
        save_payload(saved, "demo", {}, {})

    assert saved.read_bytes() == before
    save_payload(saved, "demo", {}, {}, overwrite=True)
    assert load_payload(saved).arrays == {}


def test_a_failed_write_leaves_the_old_file_and_no_other(saved, monkeypatch):
    before = saved.read_bytes()

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_payload(saved, "demo", ARRAYS, {}, overwrite=True)

    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


UNWRITABLE = {
    "folder": (lambda t: t, "is a folder"),
    "no folder": (lambda t: t / "nowhere" / "x", "folder of .* does not exist"),
    "too long": (lambda t: t / ("x" * 300), "cannot be written"),
    "file as folder": (lambda t: t / "file" / "x", "does not exist"),
}


@pytest.mark.parametrize("where, message", UNWRITABLE.values(), ids=UNWRITABLE)
def test_unwritable_paths_are_refused(tmp_path, where, message):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadArgument, match=message):
        save_payload(where(tmp_path), "demo", {}, {})


def test_a_name_outside_ascii_is_a_file_like_any_other(tmp_path):
    save_payload(tmp_path / "résultat 列.bayesreg", "demo", {}, {"a": 1})

    assert load_payload(str(tmp_path / "résultat 列.bayesreg")).meta == {"a": 1}


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(BadArgument, match="there is no file"):
        load_payload(tmp_path / "none")


@pytest.mark.parametrize(
    "arrays", [{"a": np.array([None])}, {"a": np.array(["x"])}, {"../a": np.zeros(1)}], ids=str
)
def test_only_numbers_under_plain_names_are_saved(path, arrays):
    with pytest.raises(BadArgument):
        save_payload(path, "demo", arrays, {})

    assert not path.exists()


MODELS = [
    *(br.Model(prior) for prior in priors()),
    br.Model(),
    br.Model(br.Laplace(scale=25.0), br.Gaussian(sigma=54.0)),
    br.Model(br.Normal.from_lam(0.1), br.Gaussian(br.Flat())),
    br.Model(br.Normal([1.0, 2.0, 1 / 3], loc=0.1), br.Gaussian(br.HalfNormal(3.0))),
    br.Model(br.ElasticNet.from_scales(laplace=0.7, normal=1e-9), br.Gaussian(br.Uniform(0, 9))),
    br.Model(br.Horseshoe(br.HalfCauchy(0.01)), br.Gaussian(br.InverseGammaSquared(2, 3.5))),
    br.Model(br.Laplace(br.Exponential(2.0), relative=[1.0, 0.1]), br.Gaussian(br.Exponential())),
    br.Model({"a": br.Flat(), "C(sex)": br.Normal(1.0), ...: br.Laplace(br.HalfStudentT(3, 0.1))}),
]


@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_models_come_back_equal(model):
    again = model_from_json(json.loads(json.dumps(model_to_json(model))))

    assert again == model
    assert repr(again) == repr(model)


RECORDS = {
    "none": (None, "corrupt"),
    "empty": ({}, "corrupt"),
    "class": ({"prior": {"class": "os.system", "fields": {}}}, "unsupported: unknown class"),
    "abstract class": ({"prior": {"class": "Prior", "fields": {}}}, "unsupported|corrupt"),
    "field": ({"prior": {"class": "Normal", "fields": {"x": 1}}}, "has no field 'x'"),
    "value": ({"prior": {"class": "Normal", "fields": {"scale": -1}}}, "corrupt"),
    "no likelihood": ({"prior": {"class": "Flat", "fields": {}}}, "corrupt"),
    "prior as likelihood": (
        {"prior": {"class": "Flat", "fields": {}}, "likelihood": {"class": "Flat", "fields": {}}},
        "corrupt",
    ),
}


@pytest.mark.parametrize("record, message", RECORDS.values(), ids=RECORDS)
def test_malformed_models_are_refused(record, message):
    with pytest.raises(BadData, match=message):
        model_from_json(record)


def test_a_prior_of_the_users_own_is_not_saved():
    @dataclasses.dataclass(frozen=True, repr=False)
    class Normal(br.priors.Prior):
        scale: float = 1.0
        unit: str = "y"
        loc: float = 0.0
        relative: object = None

        def log_density(self, b, scale):
            return b

        def sample(self, rng, size, scale):
            return rng

        def node(self, name, scale, dims):
            return name

    with pytest.raises(BadArgument, match="not a class of bayesreg"):
        model_to_json(br.Model(Normal()))


def through_a_file(path, arrays, meta):
    save_payload(path, "x", arrays, meta, overwrite=True)
    payload = load_payload(path)
    return payload.arrays, payload.meta


@pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_problems_come_back_equal(case, path):
    index = pd.Index([f"r{i}" for i in range(len(case.y))])
    before = br.Model(br.Laplace(0.5, unit="sigma")).condition(
        case.frame.set_index(index),
        pd.Series(case.y, index=index, name="why"),
        standardize=case.standardize,
        intercept=case.intercept,
        weights=case.weights,
    )
    after = problem_from_payload(*through_a_file(path, *problem_to_payload(before)))

    assert after.features == before.features
    assert (after.prior, after.likelihood) == (before.prior, before.likelihood)
    assert after.warnings == before.warnings
    assert list(after.design.index) == list(before.design.index)
    assert after.design.y_name == "why"
    assert after.design.named == before.design.named
    assert after.design.terms == before.design.terms
    for name in ("xy", "yy", "gram", "x_mean", "x_sd", "n", "nu"):
        assert np.array_equal(getattr(after, name), getattr(before, name)), name


def test_loading_gives_no_warnings_again(path):
    """Tests fail on any warning: those of the data were given when they were first read."""
    X = np.column_stack([np.ones(5), np.arange(5.0)])
    with pytest.warns(br.BayesregWarning):
        before = br.Model(br.Normal(1.0)).condition(X, [1.0, 3, 2, 5, 4])
    after = problem_from_payload(*through_a_file(path, *problem_to_payload(before)))

    assert after.warnings == before.warnings


def test_hyperparameters_fixed_later_stay_fixed(path):
    before = problem().at(sigma=2.0, scale=0.3)
    after = problem_from_payload(*through_a_file(path, *problem_to_payload(before)))

    assert (after.sigma, after.unknown_scales) == (2.0, ())
    assert np.array_equal(after.l1, before.l1)


def test_problems_on_moments_come_back_equal(path):
    design = problem().design
    before = br.Model().condition(br.Moments.of(design.X, design.y, names=("a", "b", "c")))
    after = problem_from_payload(*through_a_file(path, *problem_to_payload(before)))

    assert after.design is None
    assert after.features == ("a", "b", "c")
    assert np.array_equal(after.gram, before.gram)


def test_draws_come_back_equal(path):
    stats = {"diverging": np.zeros((4, 1000), bool), "lp": np.ones((4, 1000))}
    before = dataclasses.replace(synthetic(), stats=stats, kappa=np.full((4, 1000, 3), 0.5))
    after = draws_from_payload(*through_a_file(path, *draws_to_payload(before)))

    for field in dataclasses.fields(before):
        a, b = getattr(before, field.name), getattr(after, field.name)
        if isinstance(a, np.ndarray):
            assert a.tobytes() == b.tobytes(), field.name
        elif field.name not in ("problem", "stats"):
            assert a == b, field.name
    assert set(after.stats) == {"diverging", "lp"}
    assert np.array_equal(after.problem.gram, before.problem.gram)


def without(key):
    def drop(arrays, meta):
        return {k: v for k, v in arrays.items() if k != key}, meta

    return drop


MANGLED = {
    "no beta": without("beta"),
    "no X": without("problem.X"),
    "no y": without("problem.y"),
    "other shape": lambda a, m: (a | {"beta": a["beta"][:, :, :1]}, m),
    "flat sigma": lambda a, m: (a | {"sigma": a["sigma"][0]}, m),
    "X with NaN": lambda a, m: (a | {"problem.X": np.full_like(a["problem.X"], np.nan)}, m),
    "short X": lambda a, m: (a | {"problem.X": a["problem.X"][:3]}, m),
    "no draws": lambda a, m: (a, {"problem": m["problem"]}),
    "no problem": lambda a, m: (a, {"draws": m["draws"]}),
    "nothing": lambda a, m: ({}, {}),
}


@pytest.mark.parametrize("mangle", MANGLED.values(), ids=MANGLED)
def test_what_does_not_fit_together_is_refused(mangle):
    with pytest.raises(BadData):
        draws_from_payload(*mangle(*draws_to_payload(synthetic())))


def test_a_file_of_an_earlier_version_loads():
    """Saved before the contents were taken apart by fields; the numbers are those it had then."""
    post = br.load(Path(__file__).parent / "saved" / "earlier.breg")

    design = post.problem.design
    assert repr(post.problem.prior) == "Normal(scale=2.0, unit='y')"
    assert (design.names, design.y_name, design.n) == (("dose", "age"), "gain", 9)
    assert list(design.index) == list("abcdefghi")
    assert list(design.X[0]) == [2.04, -2.56]
    assert (design.y[-1], list(design.weights)) == (2.9, list(range(1, 10)))
    assert post.draws.beta.shape == (2, 6, 2)
    assert post.draws.beta.mean() == pytest.approx(0.9931928091669899, rel=1e-14)
    assert (post.draws.engine, post.draws.seed, post.draws.thin) == ("exact", 1, 1)


@pytest.mark.parametrize("positive", [None, 0])
@pytest.mark.parametrize("labels", [("no", "yes"), (False, True), (1, 2), (0, 1)])
def test_fits_and_posteriors_keep_their_labels(path, labels, positive):
    """A response of labels comes back with the same y = 1, whichever label that is."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=(30, 2))
    y = [labels[k] for k in (x[:, 0] + rng.normal(size=30) > 0).astype(int)]
    likelihood = br.Bernoulli() if positive is None else br.Bernoulli(labels[positive])
    problem = br.Model(br.Normal(1.0), likelihood).condition(x, y)
    fit = br.fit_map(problem)
    fit.save(path)
    back = br.load(path)
    assert back.classes_ == fit.classes_ == problem.classes_
    assert np.array_equal(back.beta, fit.beta)
    post = br.sample(problem, draws=20, chains=2, seed=1)
    post.save(path, overwrite=True)
    again = br.load(path)
    assert again.problem.classes_ == problem.classes_
    assert np.array_equal(again.problem.design.y, problem.design.y)


@pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")
@pytest.mark.parametrize("name", LIKELIHOODS)
def test_what_is_known_of_rows_and_a_likelihood_comes_back(name, path):
    """Offset, trials and own unknowns, known or with a prior, under every likelihood."""
    kind = LIKELIHOODS[name]
    rng = np.random.default_rng(2)
    X = pd.DataFrame(rng.normal(size=(30, 2)), columns=["a", "b"])
    offset = rng.normal(size=30)
    more = {"trials": rng.integers(7, 12, 30)} if kind.likelihood.takes_trials else {}
    y = kind.draw(rng, 0.5 * X["a"].to_numpy() + offset)
    unknown = br.Bernoulli(positive=0.0) if name == "Bernoulli" else type(kind.likelihood)()
    for likelihood in (kind.likelihood, unknown):
        model = br.Model(br.Normal(br.HalfNormal(1.0), unit="y"), likelihood)
        problem = model.condition(X, y, offset=offset, **more)
        back = problem_from_payload(*problem_to_payload(problem))
        assert back.likelihood == problem.likelihood
        assert back.own == problem.own
        assert np.array_equal(back.design.offset, problem.design.offset)
        assert back.moments.y_mean == problem.moments.y_mean
        trials = (one.design.trials for one in (back, problem))
        assert np.array_equal(*trials) if more else list(trials) == [None, None]
        b = np.array([0.3, -0.2])
        if not problem.unknown:
            assert back.loss.at(b).value == problem.loss.at(b).value
    own = dict.fromkeys(problem.unknown, 2.5)
    fixed = problem.at(scale=0.7, **own)
    again = problem_from_payload(*problem_to_payload(fixed))
    assert again.known == fixed.known
    assert again.blocks[0].scale == 0.7


@pytest.mark.filterwarnings("ignore::bayesreg.language.errors.BayesregWarning")
@pytest.mark.parametrize("name", ["NegativeBinomial", "StudentTNoise"])
def test_draws_of_own_unknowns_come_back(name):
    """By name, each (chains, draws); another name, shape or sign is refused."""
    rng = np.random.default_rng(3)
    X = rng.normal(size=(20, 2))
    y = LIKELIHOODS[name].draw(rng, X[:, 0])
    likelihood = type(LIKELIHOODS[name].likelihood)()
    problem = br.Model(br.Normal(1.0), likelihood).condition(X, y)
    (own,) = set(problem.own) - {"sigma"}
    values = {own: rng.gamma(2.0, size=(2, 30))}
    draws = synthetic(problem, chains=2, length=30, own=values)
    arrays, meta = draws_to_payload(draws)
    back = draws_from_payload(arrays, meta)
    assert np.array_equal(back.own[own], draws.own[own])
    assert set(back.theta) == set(draws.theta)
    for wrong in ({f"own.{own}": -draws.own[own]}, {f"own.{own}": draws.own[own][:1]}):
        with pytest.raises(BadData, match=own):
            draws_from_payload({**arrays, **wrong}, meta)
    with pytest.raises(BadData, match="own"):
        draws_from_payload({k: v for k, v in arrays.items() if k != f"own.{own}"}, meta)


def test_how_many_optima_were_seen_is_saved(tmp_path):
    """The rest of a certificate is computed anew, and says the same; a number is checked."""
    X, y = [[0.0], [1.0], [2.0], [3.0], [4.0]], [0.0, 1.0, 2.0, 30.0, 31.0]
    fit = br.fit_map(br.Model(br.Normal(10.0), br.StudentTNoise(1.0, 0.1)).condition(X, y))
    fit.save(tmp_path / "fit.breg")
    assert fit.certificate.seen > 1
    assert br.load(tmp_path / "fit.breg").certificate == fit.certificate
    convex = br.fit_map(br.Model(br.Normal(10.0), br.Gaussian(1.0)).condition(X, y))
    assert convex.certificate.seen is None
