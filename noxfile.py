#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox>=2025.10.14"]
# ///
"""Tasks around the tests: ``uv run nox`` checks and tests; ``uv run nox -s lowest``."""

import nox

nox.needs_version = ">=2025.10.14"
nox.options.default_venv_backend = "uv"


@nox.session(venv_backend="none")
def lint(session: nox.Session) -> None:
    """Ruff, mypy and codespell, as .ci/run does."""
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("codespell")


@nox.session(python=["3.12", "3.13"])
def tests(session: nox.Session) -> None:
    """Run the tests on each Python that is supported."""
    groups = nox.project.dependency_groups(nox.project.load_toml(), "test")
    session.install("-e", ".", *groups)
    session.run("pytest", *session.posargs)


@nox.session(python="3.12", default=False)
def lowest(session: nox.Session) -> None:
    """Run the tests with the oldest versions that pyproject.toml allows."""
    groups = nox.project.dependency_groups(nox.project.load_toml(), "test")
    session.install("--resolution=lowest-direct", "-e", ".", *groups)
    # Old libraries warn of new ones that they meet: those warnings are shown, and no errors.
    session.run("pytest", "-W", "default", *session.posargs)


if __name__ == "__main__":
    nox.main()
