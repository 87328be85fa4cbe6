"""Likelihoods beyond the Gaussian where rows are on a cluster, one of whose workers is killed."""

import os
import signal
import threading
import time

import dask
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import bayesreg as br
from bayesreg.data import arrival, different
from bayesreg.data.stores.bundles import Task
from bayesreg.model import from_sample

pytestmark = pytest.mark.slow

N = 2_000
NAMES = ["x0", "x1", "x2"]
LIKELIHOODS = {"bernoulli": br.Bernoulli(), "poisson": br.Poisson()}


@pytest.fixture(scope="module")
def rows():
    """A frame with a response for each likelihood, and weights with zeros."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(N, 3)) * [1.0, 2.0, 0.5] + [0.0, 5.0, -2.0]
    eta = 0.7 + x @ [0.3, -0.2, 0.5]
    return pd.DataFrame(x, columns=NAMES).assign(
        w=rng.integers(0, 4, N),
        bernoulli=np.where(rng.random(N) < 1.0 / (1.0 + np.exp(-eta)), "yes", "no"),
        poisson=rng.poisson(np.exp(eta)),
    )


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """Two processes of this machine, with one thread each."""
    from distributed import Client, LocalCluster

    how = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with (
        dask.config.set({"scheduler": None, "distributed.comm.timeouts.connect": "30s"}),
        LocalCluster(**how, local_directory=str(tmp_path_factory.mktemp("workers"))) as made,
        Client(made) as client,
    ):
        yield client


class Killed:
    """Within, the process of a worker ends for good when so many tasks have begun."""

    def __init__(self, client, log, after, monkeypatch):
        self.client, self.log, self.after = client, log, after
        first = Task.__call__

        def slowly(task, bundle, held):
            with log.open("a") as file:
                file.write(f"{os.getpid()}\n")
            time.sleep(0.03)
            return first(task, bundle, held)

        def patch():
            Task.__call__ = slowly

        client.run(patch)
        monkeypatch.setattr(Task, "__call__", slowly)

    def _kill(self):
        while not self.log.exists() or len(self.log.read_text().split()) < self.after:
            time.sleep(0.01)
        os.kill(int(self.log.read_text().split()[-1]), signal.SIGKILL)

    def __enter__(self):
        self.thread = threading.Thread(target=self._kill)
        self.thread.start()

    def __exit__(self, *_):
        self.thread.join(20)
        assert not self.thread.is_alive(), "no worker was killed"


def on_cluster(rows, name, kind, tmp_path):
    held = rows[[*NAMES, "w", name]]
    if kind == "frame":
        import dask.dataframe as dd

        return dd.from_pandas(held, npartitions=6)
    path = tmp_path / f"{name}.parquet"
    pq.write_table(pa.Table.from_pandas(held, preserve_index=False), path, row_group_size=300)
    return path


def everything(problem, source, out):
    """MAP, path, draws, LOO and what is predicted, each as numbers."""
    fit, path = br.fit_map(problem), br.path(problem, n=4)
    post = br.sample(problem, seed=3, draws=100)
    near = br.sample(problem, seed=3, draws=100, engine="laplace")
    fit.predict(source, out=out)
    return {
        "map": np.array([*fit.beta, fit.intercept]),
        "path": np.asarray(path.beta).ravel(),
        "draws": post.draws.beta.ravel(),
        "laplace": near.draws.beta.ravel(),
        "loo": np.array([post.loo().elpd]),
        "predicted": pd.read_parquet(out)["mean"].to_numpy(),
        "log-likelihood": post.tree["sample_stats"]["log_likelihood"].to_numpy().ravel(),
    }


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name, kind, after", [("poisson", "frame", 20), ("bernoulli", "files", 9)])
def test_a_worker_that_is_killed_changes_nothing(
    name, kind, after, client, rows, tmp_path, monkeypatch
):
    """Nor does the cluster: all is as in passes here, and optima and predictions as in memory."""
    held = rows[[*NAMES, "w", name]]
    model, how = br.Model(br.Normal(0.3), LIKELIHOODS[name]), {"weights": "w", "standardize": True}
    memory = model.condition(held, name, **how)
    fit, path = br.fit_map(memory), br.path(memory, n=4)
    monkeypatch.setattr(arrival, "SMALL", 100)
    monkeypatch.setattr(different, "MOST", 100)
    monkeypatch.setattr(from_sample, "SAMPLE", 400)
    lazy = pl.from_pandas(held).lazy()
    here = everything(model.condition(lazy, name, **how), lazy, tmp_path / "here.parquet")
    there = on_cluster(rows, name, kind, tmp_path)
    with Killed(client, tmp_path / "log", after, monkeypatch):
        problem = model.condition(there, name, **how)
        found = everything(problem, there, tmp_path / "there.parquet")
    assert problem.stream.read.workers in (1, 2)  # one may be on its way back
    for what, value in found.items():
        np.testing.assert_allclose(value, here[what], rtol=1e-9, atol=1e-11, err_msg=what)
    np.testing.assert_allclose(found["map"], [*fit.beta, fit.intercept], rtol=1e-9)
    np.testing.assert_allclose(found["path"], np.asarray(path.beta).ravel(), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(found["predicted"], fit.predict(rows[NAMES]), rtol=1e-9)
    other = br.fit_map(br.Model(br.Normal(0.29), LIKELIHOODS[name]).condition(there, name, **how))
    assert np.abs(np.array([*other.beta, other.intercept]) / found["map"] - 1.0).max() > 1e-6


def test_what_a_worker_refuses_is_said_once_and_in_no_log(client, rows, monkeypatch, capfd):
    """Rows that are too many to group, and a row that is none: values, not failures of tasks."""
    import dask.dataframe as dd

    monkeypatch.setattr(arrival, "SMALL", 100)
    monkeypatch.setattr(different, "MOST", 100)
    bad = rows[[*NAMES, "poisson"]].copy()
    bad.loc[[1_700, 900], "poisson"] = -1
    problem = br.Model(br.Normal(0.3), br.Poisson())
    with pytest.raises(br.BadData, match=r"y in row 100 .* of partition 2 is -1, .* no count"):
        br.fit_map(problem.condition(dd.from_pandas(bad, npartitions=5), "poisson"))
    assert "Traceback" not in capfd.readouterr().err
