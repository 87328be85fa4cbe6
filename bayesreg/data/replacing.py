"""A file that is written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bayesreg.language.errors import BadArgument


@contextmanager
def replacing(target: Path) -> Iterator[IO[bytes]]:
    """A temporary file in the same folder, renamed on success and removed on failure."""
    temporary = target.with_name(f".bayesreg-{secrets.token_hex(8)}.tmp")
    try:
        file = temporary.open("x+b")
    except OSError as error:
        raise BadArgument(f"{str(target)!r} cannot be written: {error.strerror}") from error
    try:
        with file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
