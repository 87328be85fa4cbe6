"""Laws of the source itself: imports point downwards, one word per thing, small files.

A law is a function of a source tree that returns what breaks it, so that each can also be shown a
tree that does: the negative control at the end.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "bayesreg"

# From the ground up: a room imports from floors below its own, annotations included.
FLOORS = [
    {"language"},
    {"conventions", "data", "priors"},
    {"likelihoods", "plots"},
    {"model", "report"},
    {"engines", "solvers"},
    {"criteria", "diagnostics", "gaussian", "storage", "validation"},
    {"results"},
    {"verbs"},
    {"__init__", "cli", "estimators"},
]
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}

NAMELESS = {"common", "helper", "helpers", "misc", "shared", "tools", "util", "utils"}

# Parameters that have another name here, and the rooms that speak to others in their words.
VOCABULARY = {
    "alpha": ("lam", ()),
    "lambd": ("lam", ()),
    "lambda_": ("lam", ()),
    "lmbda": ("lam", ()),
    "random_state": ("seed", ("estimators",)),
    "reg": ("lam", ()),
}

HEAVY = {
    "arviz",
    "dask",
    "duckdb",
    "matplotlib",
    "pandas",
    "polars",
    "pyarrow",
    "pymc",
    "sklearn",
}

# "About 450" and "about 45": a reason is asked for beyond. Docstrings count in a file, which is
# read from top to bottom, and not in a function.
FILE_LINES = 450
FUNCTION_LINES = 45
EXCEPTIONS = {
    "priors/hyper.py": (580, "nine distributions of one number, each with its few lines"),
}

# What is imported under another name than that of the library which brings it.
DISTRIBUTIONS = {
    "arviz_base": "arviz",
    "arviz_plots": "arviz",
    "arviz_stats": "arviz",
    "markupsafe": "jinja2",
    "pytensor": "pymc",
    "sklearn": "scikit-learn",
}


def sources(package: Path) -> Iterator[tuple[str, ast.Module, str]]:
    """Each module as (path inside the package, syntax tree, text)."""
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        yield path.relative_to(package).as_posix(), ast.parse(text), text


def imported(node: ast.AST) -> list[str]:
    """Dotted names that a node imports; names taken from the package itself count as its rooms."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), names=names, level=0):
            return [f"{module}.{alias.name}" for alias in names]
        case ast.ImportFrom(level=level) if level > 0:
            return ["bayesreg.<relative import>"]
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(name)), *_],
        ):
            return [name]
    return []


def room(dotted: str) -> str | None:
    """Room of a dotted name, or None for another library's."""
    first, *rest = dotted.split(".")
    if first != "bayesreg":
        return None
    return rest[0] if rest and rest[0] in LEVEL else "__init__"


def home_of(path: str) -> str:
    """The room that a file is in; at the top, its own name."""
    return path.split("/", maxsplit=1)[0].removesuffix(".py")


def only_rooms_at_the_top(package: Path) -> list[str]:
    """Modules outside every room, and rooms that stand on no floor."""
    homes = {path: home_of(path) for path, _, _ in sources(package)}
    return [
        f"{path}: {home} is on no floor; put the module in a room, and the room in FLOORS"
        for path, home in homes.items()
        if home not in LEVEL or ("/" not in path and home != "__init__")
    ]


def imports_point_downwards(package: Path) -> list[str]:
    """Imports of another room on the same floor or above, in functions and annotations too."""
    found = []
    for path, tree, _ in sources(package):
        home = home_of(path)
        for node in ast.walk(tree):
            for name in imported(node):
                target = room(name)
                if target is not None and target != home and LEVEL[target] >= LEVEL.get(home, 0):
                    found.append(f"{path}:{node.lineno}: imports {name}, which is not below {home}")
    return found


def no_circles(package: Path) -> list[str]:
    """Modules that import each other, directly or by way of others, annotations included."""
    trees = {
        "bayesreg." + path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): tree
        for path, tree, _ in sources(package)
    }
    arrows: dict[str, set[str]] = {}
    for module, tree in trees.items():
        names = {name for node in ast.walk(tree) for name in imported(node)}
        # `from a.b import c` is the module a.b.c if there is one, else a name of a.b.
        arrows[module] = {
            n if n in trees else n.rpartition(".")[0] for n in names
        } & trees.keys() - {module}
    reached = {module: set(after) for module, after in arrows.items()}
    for via, beyond in reached.items():
        for after in reached.values():
            after.update(beyond if via in after else ())
    return [
        f"{module} imports itself by way of others"
        for module in reached
        if module in reached[module]
    ]


def libraries_are_declared(package: Path) -> list[str]:
    """Imports of libraries that pyproject.toml does not name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = project["dependencies"] + [line for extra in extras for line in extra]
    declared = {re.match(r"[\w-]+", line).group() for line in wanted}
    known = declared | set(sys.stdlib_module_names) | {"bayesreg"}
    found = []
    for path, tree, _ in sources(package):
        for node in ast.walk(tree):
            tops = {name.split(".")[0] for name in imported(node)}
            found += [
                f"{path}:{node.lineno}: {top} is not a dependency in pyproject.toml"
                for top in sorted(tops)
                if DISTRIBUTIONS.get(top, top) not in known
            ]
    return found


def modules_are_nouns_or_verbs(package: Path) -> list[str]:
    """Modules and folders whose name says nothing."""
    paths = [path.relative_to(package) for path in package.rglob("*") if path.suffix in {"", ".py"}]
    return [
        f"{path.as_posix()}: name the thing that it holds"
        for path in sorted(paths)
        if path.stem.strip("_") in NAMELESS
    ]


def public_parameters(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and name of each parameter of public functions, methods and constructors."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    yield field.lineno, field.target.id
            yield from public_parameters(node)
        elif isinstance(node, ast.FunctionDef) and (
            not node.name.startswith("_") or node.name == "__init__"
        ):
            a = node.args
            every = [*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg]
            yield from ((arg.lineno, arg.arg) for arg in every if arg is not None)


def parameters_have_one_name(package: Path) -> list[str]:
    """Public parameters with a name that means something else here, or another word for one."""
    found = []
    for path, tree, _ in sources(package):
        home = path.split("/")[0].removesuffix(".py")
        for line, name in public_parameters(tree):
            word, allowed = VOCABULARY.get(name, (name, ()))
            if word != name and home not in allowed:
                found.append(f"{path}:{line}: parameter {name} is called {word} here")
    return found


def sizes(package: Path) -> Iterator[tuple[str, int, int]]:
    """Name, lines and limit of each file and function."""
    for path, tree, text in sources(package):
        yield path, len(text.splitlines()), FILE_LINES
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = node.end_lineno - node.lineno + 1
                if ast.get_docstring(node) is not None:
                    lines -= node.body[0].end_lineno - node.body[0].lineno + 1
                yield f"{path}::{node.name}", lines, FUNCTION_LINES


def files_and_functions_are_small(package: Path) -> list[str]:
    """Files and functions beyond their limit, or beyond what their exception grants."""
    return [
        f"{name}: {lines} lines, where {granted} are allowed"
        for name, lines, limit in sizes(package)
        if lines > (granted := EXCEPTIONS.get(name, (limit, ""))[0])
    ]


LAWS: list[Callable[[Path], list[str]]] = [
    only_rooms_at_the_top,
    no_circles,
    imports_point_downwards,
    libraries_are_declared,
    modules_are_nouns_or_verbs,
    parameters_have_one_name,
    files_and_functions_are_small,
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_package_keeps(law):
    assert not law(PACKAGE), "\n" + "\n".join(law(PACKAGE))


def test_exceptions_are_still_needed():
    needed = {name for name, lines, limit in sizes(PACKAGE) if lines > limit}

    assert set(EXCEPTIONS) <= needed
    assert all(len(reason) > 20 for _, reason in EXCEPTIONS.values())


def loaded(statement: str, names: set[str]) -> set[str]:
    """Those of `names` that a fresh interpreter has loaded after `statement`."""
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split()) & names


def test_import_is_light():
    assert loaded("import bayesreg", HEAVY) == set()


def test_import_is_light_control():
    assert loaded("import bayesreg, decimal", {"decimal"}) == {"decimal"}


def test_version_is_said_once():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    cited = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    code = re.search(r'^__version__ = "(.+)"$', (PACKAGE / "__init__.py").read_text(), re.MULTILINE)

    assert project["version"] == cited.group(1) == code.group(1)
    assert f"## [{project['version']}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_face_shows_the_public_names():
    import bayesreg

    assert dir(bayesreg) == sorted(bayesreg.__all__)
    uncalled = {name for name in bayesreg.__all__ if not callable(getattr(bayesreg, name))}
    assert uncalled == {"demonstrate"}, "the one room of many names"
    assert len((PACKAGE / "__init__.py").read_text(encoding="utf-8").splitlines()) <= 80


def test_floors_are_at_most_nine():
    assert len(FLOORS) <= 9
    assert set(LEVEL) == {p.name for p in PACKAGE.iterdir() if (p / "__init__.py").exists()} | {
        "__init__"
    }


UP = "from bayesreg.results.map_fit import MapFit"
VIOLATIONS = [
    # (id, law, module, its source, part of the message; "" where the law is kept)
    ("upward", imports_point_downwards, "engines/a.py", UP, "a.py:1: imports bayesreg.results"),
    ("in function", imports_point_downwards, "priors/a.py", f"def f():\n    {UP}", "a.py:2"),
    (
        "same floor",
        imports_point_downwards,
        "data/a.py",
        "import bayesreg.priors.base",
        "not below",
    ),
    ("from package", imports_point_downwards, "data/a.py", "from bayesreg import model", "below"),
    (
        "public name",
        imports_point_downwards,
        "report/a.py",
        "from bayesreg import fit_map",
        "below",
    ),
    (
        "string",
        imports_point_downwards,
        "data/a.py",
        "import_module('bayesreg.verbs.fit')",
        "below",
    ),
    ("relative", imports_point_downwards, "verbs/fit.py", "from . import compare", "not below"),
    (
        "annotation",
        imports_point_downwards,
        "data/a.py",
        f"if TYPE_CHECKING:\n    {UP}",
        "a.py:2: imports bayesreg.results",
    ),
    ("downward", imports_point_downwards, "results/a.py", "from bayesreg import language", ""),
    ("same room", imports_point_downwards, "engines/a.py", "import bayesreg.engines.base", ""),
    ("no floor", only_rooms_at_the_top, "attic/a.py", "", "attic is on no floor"),
    ("at the top", only_rooms_at_the_top, "fit.py", "", "fit is on no floor"),
    ("face", only_rooms_at_the_top, "__init__.py", "", ""),
    ("undeclared", libraries_are_declared, "data/a.py", "import statsmodels.api", "statsmodels"),
    ("declared", libraries_are_declared, "data/a.py", "import os, sklearn, pytensor.tensor", ""),
    ("file name", modules_are_nouns_or_verbs, "engines/_utils.py", "", "_utils.py: name"),
    ("folder name", modules_are_nouns_or_verbs, "common/draws.py", "", "common: name"),
    ("alpha", parameters_have_one_name, "verbs/fit.py", "def f(x, *, alpha=1): 0", "is called lam"),
    ("method", parameters_have_one_name, "fit.py", "class A:\n  def f(s, lmbda): 0", "called lam"),
    ("field", parameters_have_one_name, "fit.py", "class A:\n  lambda_: float = 1", "called lam"),
    ("seed", parameters_have_one_name, "fit.py", "def f(random_state): 0", "is called seed"),
    ("estimator", parameters_have_one_name, "estimators.py", "def f(random_state): 0", ""),
    ("argument passed", parameters_have_one_name, "plots.py", "def f(ax): ax.plot(alpha=1)", ""),
    ("long file", files_and_functions_are_small, "long.py", "x = 1\n" * 451, "451 lines"),
    ("long function", files_and_functions_are_small, "a.py", "def f():\n" + " 0\n" * 45, "46"),
    ("docstring", files_and_functions_are_small, "a.py", 'def f():\n "' + "\\\n" * 90 + '"', ""),
]


@pytest.mark.parametrize("arrows, found", [("ab ba", 2), ("ab bc ca", 3), ("ab bc ac", 0)])
def test_circles_are_seen(tmp_path, arrows, found):
    """Those of annotations too; a chain, and a module reached twice (controls), are none."""
    (tmp_path / "data").mkdir()
    for name in "abc":
        lines = [f"    from bayesreg.data.{b} import x" for a, b in arrows.split() if a == name]
        text = "\n".join(["if TYPE_CHECKING:", *lines]) if lines else "x = 1"
        (tmp_path / "data" / f"{name}.py").write_text(text, encoding="utf-8")

    assert len(no_circles(tmp_path)) == found


@pytest.mark.parametrize(
    "law, module, source, message", [pytest.param(*row, id=name) for name, *row in VIOLATIONS]
)
def test_law_sees(tmp_path, law, module, source, message):
    (tmp_path / module).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / module).write_text(source, encoding="utf-8")

    found = law(tmp_path)

    assert len(found) == bool(message)
    assert message in "".join(found)
