"""The shell command ``bayesreg``."""

from bayesreg.cli.commands import main

__all__ = ["main"]
