"""Laws of the report: no name gets out of its place, and no number is lost."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bayesreg import report
from bayesreg.language.errors import BadArgument
from bayesreg.language.text import labels, shortened, shown
from bayesreg.priors import Flat, Laplace, Normal
from bayesreg.report import latex, markdown, page, records, table
from bayesreg.report.document import SECTIONS, Document, compose
from tests.report_standin import FEATURES, HOSTILE, standin

MAX_BYTES = 3_000_000
VOID = {"meta", "wbr", "br", "img", "link", "hr", "input"}
HTML = VOID | {
    "html", "head", "title", "style", "body", "nav", "p", "ol", "ul", "li", "a", "main", "header",
    "h1", "h2", "h3", "h4", "dl", "div", "dt", "dd", "span", "bdi", "aside", "section", "figure",
    "figcaption", "details", "summary", "table", "thead", "tbody", "tr", "th", "td", "code",
    "footer", "script",
} - {"img", "link", "input"}  # fmt: skip
SVG = {"svg", "title", "desc", "g", "path", "use", "defs", "text", "tspan", "clippath", "rect"}


class Checker(HTMLParser):
    """What is wrong with a page: structure, ids, attributes and addresses that do not belong."""

    def __init__(self, text: str) -> None:
        HTMLParser.__init__(self, convert_charrefs=True)
        self.problems: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.data = ""
        self.feed(text)
        self.close()
        if self.open:
            self.problems.append(f"never closed: {self.open}")
        twice = {one for one in self.ids if self.ids.count(one) > 1}
        self.problems += [f"id twice: {one}" for one in sorted(twice)]
        self.problems += [
            f"points nowhere: {target}" for target in self.targets if target not in self.ids
        ]

    @property
    def targets(self) -> list[str]:
        """Ids that links and uses point to."""
        return self._targets

    def reset(self) -> None:
        HTMLParser.reset(self)
        self._targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._attributes(tag, attrs)
        inside = "svg" in self.open or tag == "svg"
        if tag not in (SVG if inside else HTML):
            self.problems.append(f"foreign element <{tag}>")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._attributes(tag, attrs)
        if "svg" not in self.open:
            self.problems.append(f"self-closing <{tag}/> outside SVG")

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if inside == "script":
            self.data += data
        elif inside == "style":
            if re.search(r"url\(|@import|expression", data):
                self.problems.append("style that loads something")
        else:
            self.words.append(data)

    def _attributes(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        if len(set(names)) < len(names):
            self.problems.append(f"attribute twice in <{tag}>")
        for name, value in attrs:
            self._attribute(tag, name, value or "")
        if tag == "script" and attrs[:1] != [("type", "application/json")]:
            self.problems.append("a script that runs")

    def _attribute(self, tag: str, name: str, value: str) -> None:
        if name.startswith("on") or name in ("src", "srcset", "action", "background"):
            self.problems.append(f"{name} in <{tag}>")
        if name == "href" and not value.startswith(
            ("#", "data:text/csv", "data:application/x-tex")
        ):
            self.problems.append(f"address {value[:40]!r}")
        if re.search(r"url\((?!#)", value):
            self.problems.append(f"{name} that loads something")
        if name == "id":
            self.ids.append(value)
        self._targets += re.findall(r"url\(#([^)]*)\)", value)
        if name == "href" and value.startswith("#"):
            self._targets.append(value[1:])


def document(comparison: Any, **options: Any) -> Document:
    """The whole document under defaults."""
    defaults = {"title": None, "author": None, "level": 0.95, "sections": SECTIONS}
    return compose(comparison, **{**defaults, "written": "now", **options})


@pytest.fixture(scope="module")
def plain() -> Document:
    return document(standin())


@pytest.fixture(scope="module")
def hostile() -> Document:
    priors = {"<b>ridge</b>": Normal(), '" onload="x': Laplace(), "{{ 1 }}\u202e": Laplace(3.0)}
    comparison = standin(HOSTILE, priors=priors, dataset="<script>data</script>\x1b.csv")
    comparison.verdict += tuple(f"The column {name[:100]} is the largest." for name in HOSTILE)
    comparison.warnings += ("</li></ul><script>alert(2)</script>",)
    comparison.provenance["<i>"] = {"</code>": ["<u>", 1]}
    return document(comparison, title="</title><script>1</script>", author="\u202e<a href=x>")


def page_of(made: Document, *, autoescape: bool = True) -> str:
    return page.render(made, page.environment(autoescape=autoescape))


@pytest.fixture(scope="module")
def pages(plain: Document, hostile: Document) -> dict[str, str]:
    return {"plain": page_of(plain), "hostile": page_of(hostile)}


@pytest.mark.parametrize("which", ["plain", "hostile"])
def test_page_is_well_formed_and_loads_nothing(pages: dict[str, str], which: str) -> None:
    """Balanced tags, unique ids, no script that runs, no address outside the page."""
    found = Checker(pages[which])

    assert found.problems == []
    assert pages[which].startswith("<!DOCTYPE html>\n<!-- generator: bayesreg ")
    assert len(pages[which].encode()) < MAX_BYTES


def test_plain_page_has_no_address_at_all(pages: dict[str, str]) -> None:
    """Not even a namespace: with harmless names, no ``://`` stands anywhere."""
    assert "://" not in pages["plain"]


def test_negative_control_an_unescaped_page_is_caught(hostile: Document) -> None:
    """The same checker finds the same page at fault when the template does not escape."""
    problems = " ".join(Checker(page_of(hostile, autoescape=False)).problems)

    assert "a script that runs" in problems
    assert "in <img>" in problems


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_every_name_is_read_as_it_is(pages: dict[str, str], name: str) -> None:
    """The reader sees each name: escaping must not lose or change it."""
    words = "".join(Checker(pages["hostile"]).words)

    assert shortened(name, 40) in words
    for bad in ("\x00", "\x1b", "\u202e"):
        assert bad not in pages["hostile"]


def test_figures_are_described_and_their_texts_escaped(pages: dict[str, str]) -> None:
    """Each inline SVG has a role, a title and a description."""
    drawings = re.findall(r"<svg.*?</svg>", pages["hostile"], flags=re.DOTALL)

    assert len(drawings) == 12
    for drawing in drawings:
        assert 'role="img"' in drawing
        title, alt = re.search(r'aria-labelledby="(\S+) (\S+)"', drawing).groups()  # type: ignore[union-attr]
        assert f'<title id="{title}">' in drawing
        assert re.search(f'<desc id="{alt}">[^<]{{20,}}</desc>', drawing)
        assert "<script" not in drawing


def test_data_in_the_page_are_json_without_markup() -> None:
    """The embedded JSON parses, and holds the names untouched."""
    made = document(standin((*HOSTILE[:3], "b")), sections=("coefficients", "provenance"))
    found = Checker(page_of(made))
    content = json.loads(found.data)

    assert not re.search("[<>&]", found.data)
    assert {row["column"] for row in content["tables"]["columns"]["rows"]} == {*HOSTILE[:3], "b"}


@pytest.mark.slow
@pytest.mark.parametrize("p", [64, pytest.param(1000, marks=pytest.mark.slow)])
def test_many_columns_stay_small_and_say_what_is_left_out(p: int) -> None:
    """Many columns: under 3 MB, with the rest folded or said to be in the export."""
    made = document(standin(tuple(f"column {j}" for j in range(p))))
    text = page_of(made)

    assert Checker(text).problems == []
    assert len(text.encode()) < MAX_BYTES
    assert "more rows" in text
    assert f"the 30 largest of {p} coefficients; {p - 30} smaller left out" in text
    assert "the JSON report and the exported CSV have all" in text


def without_timing(text: str) -> str:
    return re.sub(r"<!-- timing.*?<!-- end of timing -->", "", text, flags=re.DOTALL)


@pytest.mark.slow
def test_same_inputs_give_the_same_bytes_apart_from_timing() -> None:
    """Two comparisons drawn from one seed differ in the timing block alone."""
    one, two = standin(FEATURES[:4]), standin(FEATURES[:4])
    two.timing = {name: 9.0 + seconds for name, seconds in two.timing.items()}
    first, second = document(one), document(two, written="later")
    pages = [page_of(first), page_of(second)]

    assert pages[0] != pages[1]
    assert without_timing(pages[0]) == without_timing(pages[1])
    assert records.json_text(first, timing=False) == records.json_text(second, timing=False)
    texts = [markdown.markdown_text(d).split("## Timing")[0] for d in (first, second)]
    assert texts[0] == texts[1]


def test_negative_control_another_seed_changes_the_page() -> None:
    """The comparison of bytes can fail."""
    one, two = (
        document(standin(FEATURES[:4], seed=seed), sections=("coefficients",)) for seed in (0, 1)
    )

    assert records.json_text(one, timing=False) != records.json_text(two, timing=False)


def test_json_holds_every_number(plain: Document) -> None:
    """Strict JSON; the coefficients in full precision; NaN is null."""
    comparison = standin()
    content = json.loads(records.json_text(plain), parse_constant=pytest.fail)
    rows = content["tables"]["coefficients"]["rows"]
    frame = comparison.coefficients()

    assert len(rows) == 3 * len(FEATURES)
    for row in rows:
        expected = frame.loc[(row["prior"], row["feature"])]
        assert row["mean"] == expected["mean"]
        assert row["eti95_ub"] == expected["eti95_ub"]
        assert (row["map"] is None) == (row["prior"] == "horseshoe")
    assert "timing" in content


def test_csv_defuses_formulas_and_leaves_numbers(hostile: Document) -> None:
    """Text that a spreadsheet would run gets an apostrophe; negative numbers do not."""
    made = next(t for t in hostile.tables if t.key == "coefficients")
    rows = list(csv.DictReader(io.StringIO(records.csv_text(made))))
    names = {row["feature"] for row in rows}

    assert {"'=HYPERLINK(1)", "'+1", "'-1", "'@SUM(A1)", HOSTILE[0]} <= names
    assert not any(name.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for name in names)
    means = np.array([float(row["mean"]) for row in rows])
    assert means.min() < 0
    np.testing.assert_array_equal(means, [row[4] for row in made.rows])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_csv_cells_by_first_character(start: str) -> None:
    column = table.Column(start + "a", "a", "name")
    made = table.Table("t", "t", (column,), ((start + "1",), (-1.5,)))

    assert list(csv.reader(io.StringIO(records.csv_text(made)))) == [
        ["'" + start + "a"], ["'" + start + "1"], ["-1.5"]
    ]  # fmt: skip


MARKDOWN = [
    ("0.10 s", "0.10 s"),
    ("1. item", "1\\. item"),
    ("- item", "\\- item"),
    ("a_b*c", "a\\_b\\*c"),
    ("[x](javascript:1)", "\\[x\\](javascript:1)"),
]


@pytest.mark.parametrize("text, expected", MARKDOWN)
def test_markdown_escapes(text: str, expected: str) -> None:
    assert markdown.escape(text) == expected


def test_latex_escapes_what_latex_reads(hostile: Document) -> None:
    """No bare special character remains, and braces balance."""
    for made in hostile.tables:
        text = latex.fragment(made)
        bare = re.sub(r"\\[\\{}$&#%_^~]", "", text)
        body = "\n".join(
            line for line in bare.split("\n") if " & " not in line and not line.startswith("\\")
        )
        assert not re.search(r"[#%~]", bare), made.key
        assert "\x1b" not in body
        assert bare.count("{") == bare.count("}")
    assert latex.escape("50% of a_b\\") == r"50\% of a\_b\textbackslash{}"


def test_markdown_has_no_markup_of_others(hostile: Document) -> None:
    """Angle brackets, pipes and backticks of names stand behind a backslash; no link is made."""
    text = markdown.markdown_text(hostile).split("-->", 1)[1]

    assert not re.search(r"(?<!\\)[<>`]", text.replace("> **Note:**", ""))
    assert "https://" not in text
    widths = {
        block: {len(re.findall(r"(?<!\\)\|", line)) for line in block.split("\n")}
        for block in text.strip().split("\n\n")
        if block.startswith("|")
    }
    assert widths
    assert all(len(width) == 1 for width in widths.values())


WORDS = [
    (-1234.5678, "estimate", 1, "−1234.6"),
    (0.0, "estimate", 3, "0"),
    (-0.0004, "estimate", 2, "0.00"),
    (1e9, "estimate", 2, "1e+09"),
    (float("nan"), "number", None, "–"),
    (float("-inf"), "number", None, "−∞"),
    (0.99996, "probability", None, "> 0.999"),
    (1.0, "probability", None, "1.000"),
    (1.0, "sign", None, "> 0.999 (+)"),
    (1.0, "share", None, "> 0.999"),
    (0.0, "share", None, "< 0.001"),
    (0.25, "sign", None, "0.750 (−)"),
    (None, "flag", None, "not run"),
    (False, "flag", None, "FAILED"),
    (3e-17, "small", None, "3.0e−17"),
    ("", "name", None, "(no name)"),
]


@pytest.mark.parametrize("value, kind, decimals, expected", WORDS)
def test_values_in_words(value: Any, kind: str, decimals: int | None, expected: str) -> None:
    assert table.spoken(value, kind, decimals) == expected


@pytest.mark.parametrize(
    "spreads, expected", [([2.1], 1), ([0.021, 5.0], 3), ([210.0], 0), ([], 3), ([0.0], 3)]
)
def test_decimals_show_two_digits_of_the_sd(spreads: list[float], expected: int) -> None:
    assert table.decimals_for(spreads) == expected


def test_names_as_text_stay_different() -> None:
    """Labels of distinct names are distinct, short, and free of hidden characters."""
    names = [*HOSTILE, "x" * 10_001, "x" * 10_002, ""]
    short = labels(names, 24)

    assert len(set(short)) == len(names)
    assert max(map(len, short)) <= 27
    assert not any(c in "".join(short) for c in "\x00\x1b\u202e\n\t")
    assert shown("") == "(no name)"


TARGETS = [
    ("report.txt", "ends in .html"),
    ("", "must name a file"),
    (None, "must name a file"),
    ("a\x00.html", "NUL"),
    ("x" * 252 + ".html", "257 bytes"),
    ("é" * 126 + ".html", "257 bytes"),
    ("missing/report.html", "does not exist"),
    ("folder.html", "is a folder"),
    ("folder", "is a folder"),
    ("foreign.html", "overwrite"),
    ("foreign.json", "overwrite"),
    ("pipe.html", "no regular file"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "foreign.html").write_text("<!DOCTYPE html><p>generator: bayesreg", "utf-8")
    (tmp_path / "foreign.json").write_text('{"generator": "another"}', "utf-8")
    os.mkfifo(tmp_path / "pipe.html")
    return tmp_path


@pytest.mark.parametrize("name, message", TARGETS)
def test_targets_are_refused_before_the_fit(folder: Path, name: Any, message: str) -> None:
    """Fault 90 and 95: the path is judged without a comparison, and nothing is written."""
    path = str(folder / name) if name else name
    before = sorted(folder.iterdir())

    with pytest.raises(BadArgument, match=message):
        report.check_target(path)
    assert sorted(folder.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(BadArgument, match="not writable"):
        report.check_target(tmp_path / "report.html")


@pytest.mark.parametrize("ending", [".html", ".md", ".json"])
def test_own_reports_are_replaced_and_others_kept(tmp_path: Path, ending: str) -> None:
    """A report replaces a report of bayesreg unasked, and anything else only when told to."""
    path = tmp_path / f"día {ending}"
    comparison = standin(FEATURES[:3])
    for _ in range(2):
        written = report.write(comparison, path, sections=["verdict"])
        assert written == path.resolve()
    path.write_text("mine", "utf-8")
    with pytest.raises(BadArgument, match="overwrite"):
        report.write(comparison, path, sections=["verdict"])
    assert path.read_text("utf-8") == "mine"

    report.write(comparison, path, sections=["verdict"], overwrite=True)

    assert path.read_text("utf-8") != "mine"
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: Any) -> None:
    path = report.write(standin(FEATURES[:3]), tmp_path / "a.md", sections=["verdict"])
    old = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadArgument, match="No space left"):
        report.write(standin(), path, sections=["verdict"])

    assert path.read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 1


ARGUMENTS = [
    ({"level": 95}, "strictly between 0 and 1"),
    ({"level": 1.0}, "strictly between 0 and 1"),
    ({"level": True}, "strictly between 0 and 1"),
    ({"level": "0.9"}, "strictly between 0 and 1"),
    ({"sections": ["forrest"]}, "did you mean 'forest'"),
    ({"sections": ["forest", "forest"]}, "at most once"),
    ({"sections": []}, "at least one"),
]


@pytest.mark.parametrize("options, message", ARGUMENTS)
def test_arguments_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(BadArgument, match=message):
        report.write(standin(FEATURES[:2]), tmp_path / "r.html", **options)
    assert not list(tmp_path.iterdir())


def test_sections_come_in_the_order_asked_for(tmp_path: Path) -> None:
    path = report.write(standin(FEATURES[:3]), tmp_path / "r.md", sections=["methods", "verdict"])
    text = path.read_text("utf-8")

    assert re.findall("^## (.*)", text, flags=re.MULTILINE) == ["Methods", "Verdict", "Timing"]


def test_level_is_printed_with_the_kind_of_interval(tmp_path: Path) -> None:
    comparison = standin(FEATURES[:3])
    path = report.write(comparison, tmp_path / "r.md", level=0.9, sections=["coefficients"])
    text = path.read_text("utf-8")

    assert "eti90 from" in text
    assert "eti95" not in text


def test_answers_and_warnings_come_first(plain: Document, pages: dict[str, str]) -> None:
    text = pages["plain"]

    assert plain.sections[0].key == "short"
    assert plain.warnings
    assert text.index("nearly constant") < text.index('<section id="short"')


def test_methods_name_versions_priors_and_interval(plain: Document) -> None:
    said = next(s.paragraphs[0] for s in plain.sections if s.key == "methods")

    for words in ("Laplace(", "Horseshoe(", "unit='sigma'", "equal-tailed 95 %", "pymc 6.4.0"):
        assert words in said


def test_what_does_not_exist_is_left_out() -> None:
    """No verification, no optimum, no path: the sections shrink and nothing is invented."""
    made = document(standin(FEATURES[:4], priors={"flat": Flat()}, verified=False))
    keys = {one.key for one in made.tables} | {one.key for one in made.figures}

    assert "agreement" not in keys
    assert Checker(page_of(made)).problems == []


def test_an_unverified_horseshoe_alone(tmp_path: Path) -> None:
    from bayesreg.priors import Horseshoe

    comparison = standin(FEATURES[:4], priors={"horseshoe": Horseshoe()}, verified=False)
    made = document(comparison)
    keys = {one.key for one in made.tables} | {one.key for one in made.figures}

    assert not keys & {"agreement", "correspondence", "certificates", "path"}
    assert Checker(page_of(made)).problems == []


def test_failures_are_said_aloud() -> None:
    """A failed check is FAILED in every format."""
    comparison = standin(FEATURES[:3])
    comparison.entries["lasso"].post.checks.ok = False
    made = document(comparison, sections=("verdict", "diagnostics"))

    assert "FAILED" in page_of(made)
    assert "FAILED" in markdown.markdown_text(made)
    row = json.loads(records.json_text(made))["tables"]["checks"]["rows"][1]
    assert row["draws"] is False


def test_export_writes_every_part(tmp_path: Path) -> None:
    """Tables as CSV and LaTeX, figures as SVG and PNG with their words; again over itself."""
    comparison = standin(HOSTILE[:4])
    target = tmp_path / "out"
    sections = ("coefficients", "forest", "path", "fit")
    report.export(comparison, target, sections=sections)
    report.export(comparison, target, sections=["verdict"])
    names = {one.name for one in target.iterdir()}
    made = document(comparison, sections=sections)

    assert len(made.tables) == 7  # the path has two: who enters when, and every λ
    assert len(made.figures) == 3
    for one in made.tables:
        assert {f"{one.key}.csv", f"{one.key}.tex"} <= names
    for figure in made.figures:
        assert {f"{figure.key}.svg", f"{figure.key}.png", f"{figure.key}.txt"} <= names
        assert (target / f"{figure.key}.png").read_bytes().startswith(b"\x89PNG")
        assert "<script" not in (target / f"{figure.key}.svg").read_text("utf-8")
    assert {"report.html", "report.md", "report.json"} <= names

    other = tmp_path / "mine"
    other.mkdir()
    (other / "thesis.tex").write_text("mine", "utf-8")
    with pytest.raises(BadArgument, match="no export of bayesreg"):
        report.export(comparison, other)


@pytest.mark.slow
def test_a_real_comparison_with_a_flat_column_and_a_known_scale(tmp_path: Path) -> None:
    """What `compare` returns has the fields that the stand-in promises."""
    import bayesreg as br

    data = br.load_dataset("diabetes")
    priors = {"mixed": {"age": br.Flat(), ...: br.Laplace()}, "ridge": br.Normal(20.0)}
    fits = br.compare(priors, data.X, data.y, standardize=True, seed=1, draws=200)
    path = fits.report(tmp_path / "report.html", title="Two priors")
    text = path.read_text("utf-8")

    assert Checker(text).problems == []
    assert "<title>Two priors</title>" in text
    frame = fits.coefficients()
    rows = json.loads(Checker(text).data)["tables"]["coefficients"]["rows"]
    for row in rows:
        assert row["mean"] == frame.loc[(row["prior"], row["feature"])]["mean"]
    assert next(r for r in rows if r["prior"] == "mixed" and r["feature"] == "age")["kappa"] is None


def test_what_each_prior_did_has_the_numbers(plain: Document) -> None:
    """m_eff, κ, λ and probabilities as the results have them; what has no λ says so."""
    comparison = standin()
    section = next(s for s in plain.sections if s.key == "shrinkage")
    made = {one.key: one for one in section.tables}
    figures = [one.key for one in section.figures]
    lasso = comparison.entries["lasso"]

    assert section.title == "What each prior did"
    assert figures == ["effective", "shrinkage", "profile", "scale", "significance"]
    assert list(made) == ["effective", "shrinkage", "lam", "significance"]
    assert made["shrinkage"].folded
    assert made["significance"].folded
    assert any("Under horseshoe a prior is no penalty" in text for text in section.paragraphs)
    row = made["effective"].records()[1]
    assert (row["mean"], row["sd"]) == (float(lasso.post.shrinkage.effective), row["sd"])
    table = lasso.post.shrinkage.summary()
    for row in made["shrinkage"].records():
        if row["prior"] == "lasso":
            assert row["mean"] == table.loc[row["feature"], "mean"]
            assert row["eti95_ub"] == table.loc[row["feature"], "eti95_ub"]
    row = next(r for r in made["lam"].records() if r["prior"] == "lasso")
    assert row["map"] == lasso.fit.penalty.lam
    assert row["p_below"] == np.mean(lasso.lam["λ"].draws < lasso.fit.penalty.lam)
    for row in made["significance"].records():
        if row["prior"] == "lasso":
            assert row["p_larger"] == lasso.significance[row["feature"]]
    assert "a tenth of sd(y)" in made["significance"].note


def test_methods_say_what_shrinkage_is(plain: Document) -> None:
    said = next(s.paragraphs[0] for s in plain.sections if s.key == "methods")

    assert "m_eff = Σ(1 − κ_j) (Piironen and Vehtari, 2017)" in said


def test_path_and_choice_are_folded_and_say_first_what_they_hold(
    plain: Document, pages: dict[str, str]
) -> None:
    """A sentence to read, the rest behind it; every number of panel and path is there."""
    comparison = standin()
    made = {one.key: one for one in plain.tables}
    for key in ("path", "choice"):
        start = pages["plain"].index(f'<section id="{key}"')
        head, _, rest = pages["plain"][start:].partition('<details class="fold">')
        assert "<svg" not in head
        assert '<p class="said">' in head
        assert "<svg" in rest.partition("</section>")[0]
    assert not any(s.folded for s in plain.sections if s.key not in ("path", "choice"))
    for row in made["choice"].records():
        assert row["lam"] == comparison.choice.table.loc[row["rule"], "lam"]
        assert row["scale"] == comparison.choice.table.loc[row["rule"], "scale"]
    rows = made["path"].records()
    np.testing.assert_array_equal([row["lam"] for row in rows], comparison.path.lam)
    np.testing.assert_array_equal([row["objective"] for row in rows], comparison.path.objective)
    b, lam = comparison.path.b, comparison.path.lam
    for row in made["entries"].records():
        j = comparison.path.problem.features.index(row["column"])
        first = lam[b[:, j] != 0].max()
        assert first <= row["lam"] < lam[lam > first].min()  # the knot between two λ's of the path
        if np.any(b[lam < first, j] == 0):
            assert row["leaves"] == "yes"


def test_missing_kappa_is_said_and_not_invented() -> None:
    """Where an engine kept none, rows and figures are of the others, and the reason is given."""
    comparison = standin(FEATURES[:4], verified=False)
    lasso = comparison.entries["lasso"].post
    lasso.shrinkage = dataclasses.replace(lasso.shrinkage, kappa=None, source="not kept")
    made = document(comparison, sections=("coefficients", "shrinkage"))
    tables = {one.key: one for one in made.tables}

    assert [row["prior"] for row in tables["effective"].records()] == ["ridge", "horseshoe"]
    assert all(r["mean"] is None for r in tables["shrinkage"].records() if r["prior"] == "lasso")
    assert "lasso: no κ: not kept." in made.sections[1].paragraphs
    assert Checker(page_of(made)).problems == []


def test_documents_are_immutable(plain: Document) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        plain.title = "x"  # type: ignore[misc]
