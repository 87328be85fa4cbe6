"""Compilation of inner loops, kept on disk where that can be written to.

Numba asks whether a function's own file has changed since it was compiled, not whether the files of
the functions that it calls have. All compiled code is therefore forgotten when any file beside some
of it is newer. Compiling takes seconds to half a minute, and is said when it happens.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import njit
from numba.core import event

from bayesreg.language.aloud import aloud


class _Announcement(event.Listener):
    """Says once in a process that Numba compiles a function of ours, not merely loads it."""

    said = False

    def on_start(self, event: Any) -> None:
        """Numba begins with a function."""
        function = getattr((event.data or {}).get("dispatcher"), "py_func", None)
        # Functions that others make from text, as PyTensor does, have no module.
        module = getattr(function, "__module__", None) or ""
        if not self.said and module.startswith("bayesreg."):
            self.said = True
            aloud("compiling inner loops (up to 30 s, once on this machine) ...")

    def on_end(self, event: Any) -> None:
        """Numba is done with it."""


event.register("numba:compile", _Announcement())  # type: ignore[no-untyped-call]


def compiled[Function: Callable[..., Any]](function: Function) -> Function:
    """Compile without the interpreter's lock, so that chains run in threads of one process."""
    return _compile(function, fastmath=False)


def reassociated[Function: Callable[..., Any]](function: Function) -> Function:
    """Compile sums in any order, so that they fill vector registers: for inner products only."""
    return _compile(function, fastmath={"reassoc", "contract", "nsz"})


def _compile[Function: Callable[..., Any]](function: Function, **own: Any) -> Function:
    options = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True, **own}
    try:
        return njit(cache=True, **options)(function)  # type: ignore[no-any-return]
    except RuntimeError:  # there is no folder to keep machine code in
        return njit(**options)(function)  # type: ignore[no-any-return]


def _forget_stale(package: Path) -> None:
    """Delete indices of compiled code that are older than the newest file beside any of them."""
    indices = list(package.rglob("__pycache__/*.nbi"))
    rooms = {index.parent.parent for index in indices}
    newest = max((s.stat().st_mtime for room in rooms for s in room.glob("*.py")), default=0.0)
    for index in indices:
        try:
            if index.stat().st_mtime < newest:
                index.unlink(missing_ok=True)
        except OSError:  # another process was first, or the folder is not ours to change
            continue


_forget_stale(Path(__file__).parents[1])
