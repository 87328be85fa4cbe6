"""CPU seconds of the first command on a cold machine, and of the same one again.

``uv run python -m tests.benchmarks cold``: in a process of its own, with no machine code and no
byte code on disk, then with both. DESIGN: first answer within 10 s, all within 20 s of CPU time.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

COMMAND = ("compare", "diabetes", "--no-verify")


def seconds(cache: Path, *more: str) -> float:
    """CPU seconds of the command with its caches in this folder."""
    code = "from bayesreg.cli import main\nmain()\n"
    own = {"NUMBA_CACHE_DIR": str(cache / "numba"), "PYTHONPYCACHEPREFIX": str(cache / "python")}
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"} | own
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", code, *COMMAND, *more],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main(words: list[str]) -> None:
    """Print the table."""
    del words
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        page = ("--out", str(cache / "page.html"), "--overwrite")
        rows = [
            ("cold", seconds(cache), 20.0),
            ("warm", seconds(cache), 6.0),
            ("with a report, cold", seconds(cache, *page), 20.0),
            ("with a report, warm", seconds(cache, *page), 9.0),
        ]
    print(f"{' '.join(COMMAND):<28} CPU s  of the budget")
    for name, taken, budget in rows:
        print(f"{name:<28} {taken:5.1f}  {taken / budget:13.2f}")
