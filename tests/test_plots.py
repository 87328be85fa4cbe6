"""Laws of the figures: they draw what they are given, and change nothing else."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bayesreg import plots
from bayesreg.language.errors import BadArgument, NotSupported
from bayesreg.language.text import shortened
from bayesreg.plots import canvas
from bayesreg.plots.coefficients import standardised
from bayesreg.plots.densities import curve_of
from bayesreg.plots.paths import chosen_lam
from bayesreg.priors import Horseshoe, Laplace, Normal
from tests.report_standin import FEATURES, HOSTILE, SIGMA, standin

Draw = Callable[..., Any]


def of(comparison: Any, part: Callable[[Any], Any]) -> dict[str, Any]:
    """One part of each entry, by prior."""
    return {name: part(entry) for name, entry in comparison.entries.items()}


# What each figure takes, from a comparison.
FIGURES: dict[str, tuple[Draw, Callable[[Any], Any]]] = {
    "forest": (plots.plot_forest, lambda c: c),
    "densities": (plots.plot_densities, lambda c: c),
    "shrinkage": (plots.plot_shrinkage, lambda c: of(c, lambda e: e.post.shrinkage)),
    "effective": (plots.plot_effective, lambda c: of(c, lambda e: e.post.shrinkage)),
    "scale": (plots.plot_scale, lambda c: of(c, lambda e: e.lam)),
    "significance": (plots.plot_significance, lambda c: of(c, lambda e: e.significance)),
    "profile": (plots.plot_profile, lambda c: of(c, lambda e: e.profiles)),
    "priors": (plots.plot_priors, lambda c: c),
    "agreement": (plots.plot_agreement, lambda c: c),
    "path": (plots.plot_path, lambda c: c.path),
    "map": (plots.plot_map, lambda c: c.entries["lasso"].fit),
    "posterior": (plots.plot_posterior, lambda c: c.entries["lasso"].post),
    "trace": (plots.plot_trace, lambda c: c.entries["lasso"].post),
    "rank": (plots.plot_rank, lambda c: c.entries["lasso"].post),
    "ppc": (plots.plot_ppc, lambda c: c.entries["lasso"].post),
    "residuals": (plots.plot_residuals, lambda c: c.entries["lasso"].post),
}


@pytest.fixture(scope="module")
def comparison() -> Any:
    return standin()


@pytest.fixture(scope="module")
def hostile() -> Any:
    return standin(HOSTILE)


def drawn(made: Any) -> Any:
    """The figure of the axes, or of the first of several."""
    return np.ravel(np.asarray(made, dtype=object))[0].figure


def texts(figure: Any) -> str:
    """All words of a figure, as an SVG reader sees them."""
    root = ET.fromstring(canvas.svg(figure))
    return "\n".join("".join(one.itertext()) for one in root.iter() if one.tag.endswith("text"))


@pytest.mark.parametrize("name", FIGURES)
def test_hostile_names_are_drawn_as_text(hostile: Any, name: str) -> None:
    """No name is read as mathematics, markup or a control; SVG and PNG are made; twice the same."""
    draw, part = FIGURES[name]
    figure, again = (drawn(draw(part(hostile))) for _ in range(2))
    for one in (figure, again):
        canvas.settle(one)
    words = texts(figure)

    assert canvas.svg(figure) == canvas.svg(again) == canvas.svg(figure)
    assert canvas.png(figure, 40).startswith(b"\x89PNG")
    assert not any(c in words for c in "\x00\x1b\u202e\t")
    assert "\\mathdefault" not in words
    if name in ("forest", "shrinkage", "significance", "map", "posterior"):
        assert shortened(HOSTILE[7], 28) in words
        assert "<script>alert(1)</script>" in words


@pytest.mark.parametrize("name", FIGURES)
def test_nothing_global_changes(comparison: Any, name: str) -> None:
    """Backend and rcParams are as before; the figure alone is new to pyplot, and current."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    draw, part = FIGURES[name]
    before, backend = dict(mpl.rcParams), mpl.get_backend()
    figure = drawn(draw(part(comparison)))
    canvas.svg(figure)

    assert (dict(mpl.rcParams), mpl.get_backend()) == (before, backend)
    assert plt.get_fignums() == [figure.number]
    assert plt.gcf() is figure
    assert not hasattr(figure.axes[0], "_repr_png_"), "shown by pyplot, and not twice"


@pytest.mark.parametrize("name", FIGURES)
def test_a_reports_figures_are_unknown_to_pyplot(comparison: Any, name: str) -> None:
    from matplotlib import pyplot as plt

    draw, part = FIGURES[name]
    with canvas.style():
        canvas.settle(drawn(draw(part(comparison))))

    assert plt.get_fignums() == []


@pytest.mark.slow
def test_a_report_is_drawn_without_pyplot() -> None:
    """In a fresh process, so that nothing waits for a window system."""
    code = (
        "import sys; from tests.report_standin import standin; from bayesreg import plots;"
        "assert 'matplotlib' not in sys.modules;"
        "style = plots.canvas.style(); style.__enter__();"
        "ax = plots.plot_forest(standin()); ax.figure.canvas.draw();"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=300)


@pytest.mark.slow
def test_a_machine_without_a_display_draws() -> None:
    """No backend is chosen and none is there for windows: Agg draws, and nothing is said."""
    code = (
        "from matplotlib import pyplot as plt; from tests.report_standin import standin;"
        "from bayesreg import plots; ax = plots.plot_forest(standin()); plt.show();"
        "assert plt.get_backend().lower() == 'agg', plt.get_backend()"
    )
    environment = {
        k: v for k, v in os.environ.items() if k not in ("MPLBACKEND", "DISPLAY", "WAYLAND_DISPLAY")
    }
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr


def test_a_users_settings_do_not_reach_a_report(comparison: Any) -> None:
    """Drawn under our style, a figure is the same whatever rcParams say."""
    import matplotlib as mpl

    with canvas.style():
        plain = canvas.svg(drawn(plots.plot_forest(comparison)))
    with (
        mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "axes.facecolor": "red"}),
        canvas.style(),
    ):
        changed = canvas.svg(drawn(plots.plot_forest(comparison)))

    assert plain == changed


@pytest.mark.parametrize(
    "name", ["forest", "shrinkage", "effective", "path", "map", "ppc", "residuals"]
)
def test_given_axes_are_used(comparison: Any, name: str) -> None:
    ax = canvas.new_figure(5, 5).add_subplot()
    draw, part = FIGURES[name]

    assert draw(part(comparison), ax) is ax
    assert len(ax.get_children()) > 10


PANELS = [
    ("priors", 2),
    ("densities", 10),
    ("agreement", 3),
    ("scale", 3),
    ("significance", 2),
    ("profile", 2),
]


@pytest.mark.parametrize("name, count", PANELS)
def test_given_panels_are_used_and_too_few_refused(comparison: Any, name: str, count: int) -> None:
    given = canvas.new_figure(8, 8).subplots(1, count)
    draw, part = FIGURES[name]

    assert list(draw(part(comparison), given)) == list(given)
    with pytest.raises(BadArgument, match=f"{count} are needed"):
        draw(part(comparison), given[:1])


CELLS = {
    "the last expression": "plots.plot_forest(comparison)",
    "with a semicolon": "plots.plot_forest(comparison);",
    "with plt.show()": "ax = plots.plot_forest(comparison); plt.show()",
    "several axes": "plots.plot_priors(comparison)",
    "on given axes": "fig, ax = plt.subplots(); plots.plot_forest(comparison, ax);",
}


@pytest.mark.slow
def test_a_notebook_shows_each_figure_once() -> None:
    import nbformat
    from nbclient import NotebookClient

    cells = [
        "%matplotlib inline",
        "from matplotlib import pyplot as plt; from tests.report_standin import standin",
        "from bayesreg import plots; comparison = standin()",
        *CELLS.values(),
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
    NotebookClient(notebook, timeout=300).execute()
    shown = {
        name: sum("image/png" in out.get("data", {}) for out in cell["outputs"])
        for name, cell in zip(CELLS, notebook.cells[3:], strict=True)
    }

    assert shown == dict.fromkeys(CELLS, 1)


@pytest.mark.slow
@pytest.mark.parametrize("p", [31, 64, 1000])
def test_many_coefficients_show_the_largest_and_say_so(p: int) -> None:
    """30 rows, the largest first, and the number left out in words."""
    comparison = standin(tuple(f"column {j}" for j in range(p)), priors={"ridge": Normal()})
    ax = plots.plot_forest(comparison)
    names = [text.get_text() for text in ax.get_yticklabels()]
    features = list(comparison.entries["ridge"].problem.features)
    sd = comparison.entries["ridge"].problem.column_sd
    row = standardised(comparison.coefficients(), features, sd)["ridge"]
    expected = [features[j] for j in np.argsort(-np.abs(row.mean), kind="stable")[:30]]

    assert names == expected
    assert f"the 30 largest of {p} coefficients; {p - 30} smaller left out" in ax.get_xlabel()
    assert len(plots.plot_densities(comparison)) == 12


def test_forest_shows_the_numbers_of_the_table(comparison: Any) -> None:
    """Means, intervals and MAPs stand where the table has them, per sd of the column."""
    ax = plots.plot_forest(comparison, level=0.9)
    frame = comparison.coefficients(0.9)
    sd = dict(zip(FEATURES, comparison.entries["ridge"].problem.column_sd, strict=True))
    names = [text.get_text() for text in ax.get_yticklabels()]
    lasso = frame.loc["lasso"].loc[names]
    scale = np.array([sd[name] for name in names])
    lines = {tuple(np.round(line.get_xdata(), 9)) for line in ax.get_lines()}
    ends = [np.round(one.get_segments(), 9) for one in ax.collections]

    assert tuple(np.round(lasso["mean"].to_numpy() * scale, 9)) in lines
    assert tuple(np.round(lasso["map"].to_numpy() * scale, 9)) in lines
    expected = np.round(lasso[["eti90_lb", "eti90_ub"]].to_numpy() * scale[:, None], 9)
    assert any(np.array_equal(one[:, :, 0], expected) for one in ends)
    assert "eti90" in ax.get_xlabel()


def test_one_colour_per_prior_everywhere(comparison: Any) -> None:
    """The colour of each prior is that of its mark in every figure that shows several."""
    for name in ("forest", "densities", "shrinkage", "significance", "profile", "priors"):
        draw, part = FIGURES[name]
        axes = np.ravel(np.asarray(draw(part(comparison)), dtype=object))
        made = axes[0].get_legend() or axes[0].figure.legends[0]
        handles = {t.get_text(): h for t, h in zip(made.get_texts(), made.legend_handles)}  # noqa: B905

        for prior, mark in canvas.marks(comparison.entries).items():
            assert handles[prior].get_color() == mark.colour, name


def test_marks_of_many_priors_are_all_different() -> None:
    made = canvas.marks(map(str, range(40))).values()

    assert len({(one.colour, one.marker) for one in made}) == 40


def test_path_marks_the_chosen_lambda_and_the_scale(comparison: Any) -> None:
    """λ of the fit is marked, and the axis above is the prior scale that λ means."""
    ax = plots.plot_path(comparison.path)
    chosen = comparison.entries["lasso"].fit.penalty.lam
    top = next(child for child in ax.child_axes)

    assert chosen_lam(comparison.path) == chosen
    assert any(np.allclose(line.get_xdata(), chosen) for line in ax.get_lines())
    ax.figure.canvas.draw()
    expected = sorted(SIGMA / lam for lam in ax.get_xlim())
    np.testing.assert_allclose(sorted(top.get_xlim()), expected, rtol=1e-9)


def test_priors_are_drawn_at_the_fitted_scale(comparison: Any) -> None:
    """The curve of the lasso is its density at scale·σ, the penalty λ|b|/σ²."""
    panels = plots.plot_priors(comparison)
    fit = comparison.entries["lasso"].fit
    scale = float(np.prod(comparison.entries["lasso"].scales))
    density, penalty = (one.get_lines()[1] for one in panels)
    b = np.asarray(penalty.get_xdata())

    assert scale == pytest.approx(fit.scale * fit.sigma)
    np.testing.assert_allclose(density.get_ydata(), np.exp(-np.abs(b) / scale) / (2 * scale))
    slope = fit.penalty.lam / fit.sigma**2
    shift = slope * np.min(np.abs(b))
    np.testing.assert_allclose(penalty.get_ydata(), slope * np.abs(b) - shift, atol=1e-12)


def test_priors_by_column_are_drawn_one_by_one() -> None:
    """A mapping of priors has one curve per block, named by prior and block."""
    mapping = {FEATURES[0]: Laplace(2.0), ...: Normal(3.0)}
    panels = plots.plot_priors(standin(priors={"mixed": mapping}))
    names = [text.get_text() for text in panels[0].get_legend().get_texts()]

    assert len(names) == 2
    assert all(name.startswith("mixed: ") for name in names)


def test_density_estimate_is_a_density() -> None:
    """It integrates to one and follows the normal density within its own error."""
    rng = np.random.default_rng(3)
    x, density = curve_of(rng.normal(5.0, 2.0, (4, 5000)))
    exact = np.exp(-0.5 * ((x - 5) / 2) ** 2) / (2 * np.sqrt(2 * np.pi))

    assert np.trapezoid(density, x) == pytest.approx(1.0, abs=5e-3)
    # sd of the estimate at the mode: √(p/(2√π n h)) ≈ 0.0023, bias ½h²p'' ≈ 0.0015; five and one.
    assert np.max(np.abs(density - exact)) < 0.014
    # Negative control: the same draws are not N(5, 2.3²).
    wrong = np.exp(-0.5 * ((x - 5) / 2.3) ** 2) / (2.3 * np.sqrt(2 * np.pi))
    assert np.max(np.abs(density - wrong)) > 0.014


@pytest.mark.parametrize(
    "draws", [np.full(9, 3.0), np.array([np.nan]), np.full(50, 1e9) + np.linspace(0, 1e-7, 50)]
)
def test_constant_draws_have_no_curve(draws: Any) -> None:
    assert len(curve_of(draws)[0]) == 0


def test_figures_without_what_they_need_say_what_to_do() -> None:
    comparison = standin(verified=False)
    post = comparison.entries["lasso"].post
    post.problem = type("Problem", (), {"design": None, "rowless": "there are none"})()

    with pytest.raises(BadArgument, match="verify=True"):
        plots.plot_agreement(comparison)
    for draw in (plots.plot_ppc, plots.plot_residuals):
        with pytest.raises(NotSupported, match="needs rows"):
            draw(post)


def test_a_horseshoe_alone_has_no_hollow_marks() -> None:
    """Without an optimum the forest does not speak of one."""
    ax = plots.plot_forest(standin(priors={"horseshoe": Horseshoe()}))

    assert "MAP" not in ax.get_xlabel()


def test_shrinkage_shows_the_numbers_of_the_table(comparison: Any) -> None:
    """Means and intervals of κ stand where the table has them, in the order of the effects."""
    found = of(comparison, lambda e: e.post.shrinkage)
    ax = plots.plot_shrinkage(found, level=0.9)
    names = [text.get_text() for text in ax.get_yticklabels()]
    table = found["lasso"].summary(0.9).loc[names]
    lines = [np.asarray(line.get_xdata(), dtype=float) for line in ax.get_lines()]
    ends = [np.array(one.get_segments()) for one in ax.collections]

    assert any(np.array_equal(one, table["mean"].to_numpy()) for one in lines)
    expected = table[["eti90_lb", "eti90_ub"]].to_numpy()
    assert any(np.array_equal(one[:, :, 0], expected) for one in ends if one.ndim == 3)
    assert "eti90" in ax.get_xlabel()


def test_scale_marks_the_maps_lambda(comparison: Any) -> None:
    """A dashed line at the λ of the MAP, on a logarithmic axis; none where no λ exists."""
    panels = plots.plot_scale(of(comparison, lambda e: e.lam))
    titles = [panel.get_title(loc="left") for panel in panels]

    assert titles == ["ridge: λ", "lasso: λ", "horseshoe: scale"]
    for panel, name in zip(panels, ("ridge", "lasso"), strict=False):
        assert panel.get_lines()[1].get_xdata()[0] == comparison.entries[name].fit.penalty.lam
        assert panel.get_xscale() == "log"
        assert len(panel.get_xticks()) >= 2
    assert len(panels[2].get_lines()) == 1


def test_eight_priors_and_64_columns_stay_readable() -> None:
    """Fewer rows where there are more priors, and the number left out in words."""
    mark = {f"prior {k}": Laplace(5.0 + k) for k in range(8)}
    comparison = standin(tuple(f"column {j}" for j in range(64)), priors=mark, verified=False)
    shrinkage = of(comparison, lambda e: e.post.shrinkage)
    rows = plots.plot_shrinkage(shrinkage), plots.plot_forest(comparison)
    left = plots.plot_significance(of(comparison, lambda e: e.significance))[0]

    for ax in (*rows, left):
        assert len(ax.get_yticklabels()) == 18
        assert "the 18 largest of 64 coefficients; 46 smaller left out" in ax.get_xlabel()
        assert ax.figure.get_size_inches()[1] < 18
    assert len(plots.plot_effective(shrinkage).get_yticklabels()) == 8


def test_nothing_to_draw_is_said(comparison: Any) -> None:
    """No κ, or no unknown scale: the figure is refused with the reason; one missing is noted."""
    found = of(comparison, lambda e: e.post.shrinkage)
    none = dataclasses.replace(found["lasso"], kappa=None, source="not kept")
    known = standin(priors={"lasso": Laplace(5.0)}, verified=False).entries["lasso"].lam
    known = dataclasses.replace(known, quantities=())

    for draw in (plots.plot_shrinkage, plots.plot_effective):
        with pytest.raises(BadArgument, match="not kept"):
            draw({"lasso": none})
        assert "not available: lasso" in draw(found | {"lasso": none}).get_xlabel()
    with pytest.raises(BadArgument, match="known"):
        plots.plot_scale({"lasso": known})


def test_what_is_no_axes_or_too_many_is_refused() -> None:
    figure = canvas.new_figure(4.0, 2.0)
    two = figure.subplots(1, 2)

    assert canvas.axes(two[:1], 1.0, 1.0) is two[0]
    for ax, words in ((two, "give one, as ax"), ("left", "not str"), (figure, "not Figure")):
        with pytest.raises(BadArgument, match=words):
            canvas.axes(ax, 1.0, 1.0)
    with pytest.raises(BadArgument, match="not Figure"):
        canvas.axes_grid(figure, 1, 1, (1.0, 1.0))


@pytest.mark.parametrize("hinting, fits", [("none", True), ("force_autohint", False)])
def test_what_is_settled_at_one_resolution_fits_at_any(monkeypatch, hinting, fits) -> None:
    """Hinted, letters are so many whole pixels wide, and names beside the axes lose their ends."""
    monkeypatch.setitem(canvas._OURS, "text.hinting", hinting)
    with canvas.style():
        ax = canvas.axes(None, 5.0, 2.0)
        for k, letter in enumerate("gnW_"):
            canvas.beside(ax, 6.0, k / 4, letter * 18, size=7.5)
        canvas.settle(ax.figure)
        past = []
        for dpi in (72, 80, 90, 110, 200):
            ax.figure.set_dpi(dpi)
            ax.figure.draw_without_rendering()
            ends = [text.get_window_extent().x1 for text in ax.texts]
            past.append((max(ends) - ax.figure.bbox.x1) / dpi)  # inches
    assert (max(past) < 0.005) == fits
