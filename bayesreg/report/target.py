"""Where a report goes: checked before anything is fitted, written all or nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bayesreg.data.replacing import replacing
from bayesreg.language.errors import BadArgument

# How every report of bayesreg begins: it may be replaced unasked, and nothing else may.
HTML_HEAD = "<!DOCTYPE html>\n<!-- generator: bayesreg "
MARKDOWN_HEAD = "<!-- generator: bayesreg "
JSON_HEAD = '{\n  "generator": "bayesreg '
_HEADS = tuple(head.encode() for head in (HTML_HEAD, MARKDOWN_HEAD, JSON_HEAD))
ENDINGS = (".html", ".htm", ".md", ".json")


def check_target(path: Any, *, overwrite: bool = False, endings: tuple[str, ...] = ENDINGS) -> Path:
    """Whether a report can be written there; asked before the fit, so that no work is lost.

    Parameters
    ----------
    path : str or path
        Where the report should go; its ending chooses HTML, Markdown or JSON.
    overwrite : bool, default False
        Whether a file that bayesreg did not write may be replaced.
    endings : tuple of str
        The endings that the caller can write.

    Returns
    -------
    Path
        The path, links followed.

    Raises
    ------
    BadArgument
        If the ending is unknown, the name too long, the folder missing or not writable, or the
        path a folder, a device, or a file that bayesreg did not write.
    """
    target = _path(path)
    if target.suffix.lower() not in endings and not target.is_dir():
        raise BadArgument(f"{_name(target)}: {_expected(endings)}, not {target.suffix!r}")
    try:
        target = target.resolve()
        if target.is_dir():
            raise BadArgument(f"{_name(target)} is a folder; give the name of a file in it")
        _check_folder(target.parent, _name(target))
        if target.exists():
            _check_existing(target, overwrite=overwrite)
    except (OSError, RuntimeError) as error:
        raise BadArgument(f"{_name(target)} cannot be written: {error}") from error
    return target


def check_folder(path: Any, *, overwrite: bool = False) -> Path:
    """Whether an export can be written to this folder, which need not exist yet.

    Parameters
    ----------
    path : str or path
        The folder; its parent must exist.
    overwrite : bool, default False
        Whether a folder that holds other things may receive the files.

    Returns
    -------
    Path
        The path, links followed.

    Raises
    ------
    BadArgument
        If it cannot be made or written, is a file, or holds what bayesreg did not write.
    """
    target = _path(path)
    try:
        target = target.resolve()
        if target.exists() and not target.is_dir():
            raise BadArgument(f"{_name(target)} is a file; give the name of a folder")
        _check_folder(target if target.exists() else target.parent, _name(target))
        foreign = target.exists() and any(target.iterdir()) and not wrote(target / "report.json")
    except (OSError, RuntimeError) as error:
        raise BadArgument(f"{_name(target)} cannot be written: {error}") from error
    if foreign and not overwrite:
        raise BadArgument(
            f"{_name(target)} holds files that are no export of bayesreg; choose an empty folder "
            "or pass overwrite=True"
        )
    return target


def write_file(target: Path, content: bytes) -> None:
    """Write a file at once: a failure leaves what was there."""
    try:
        with replacing(target) as file:
            file.write(content)
    except OSError as error:
        raise BadArgument(f"{_name(target)} cannot be written: {error.strerror}") from error


def wrote(path: Path) -> bool:
    """Whether bayesreg wrote this file: it begins as our reports do."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(100).startswith(_HEADS)


def _expected(endings: tuple[str, ...]) -> str:
    """What the ending should have been; a report has its parts elsewhere."""
    if endings is ENDINGS:
        return (
            "a report ends in .html, .md or .json (tables as CSV and LaTeX and figures as SVG and "
            "PNG come from bayesreg.report.export)"
        )
    shown = [ending for ending in endings if ending != ".htm"]
    return f"the file ends in {' or '.join(filter(None, (', '.join(shown[:-1]), shown[-1])))}"


def _path(path: Any) -> Path:
    """The path, if it can name a file at all."""
    if not isinstance(path, str | os.PathLike) or not str(path).strip():
        raise BadArgument(f"path must name a file, not {path!r}")
    target = Path(path).expanduser()
    if "\x00" in str(target):
        raise BadArgument("path holds a NUL character; no file can have that name")
    longest = len(os.fsencode(target.name))
    if longest > 255:
        raise BadArgument(f"the file name has {longest} bytes; 255 is the most a disk allows")
    return target


def _check_folder(folder: Path, name: str) -> None:
    """The folder exists and can be written."""
    if not folder.is_dir():
        raise BadArgument(f"{name}: the folder {_name(folder)} does not exist; create it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadArgument(f"{name}: the folder {_name(folder)} is not writable")


def _check_existing(target: Path, *, overwrite: bool) -> None:
    """Only a regular file that bayesreg wrote is replaced unasked."""
    if not target.is_file():
        raise BadArgument(f"{_name(target)} is no regular file; give the name of one")
    if not overwrite and not wrote(target):
        raise BadArgument(
            f"{_name(target)} exists and is no report of bayesreg; choose another name, or pass "
            "overwrite=True (--overwrite) to replace it"
        )


def _name(path: Path) -> str:
    """A path as it is said in a message."""
    text = str(path)
    return repr(text if len(text) <= 200 else text[:199] + "…")
