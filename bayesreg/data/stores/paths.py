"""Which Parquet files a path, a glob, a folder, an address or a list of paths stands for."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from bayesreg.data.stores.base import Source
from bayesreg.data.stores.parquet import Parquet, Place
from bayesreg.language.errors import BadArgument, NotSupported

if TYPE_CHECKING:
    import pyarrow as pa

ENDINGS = (".parquet", ".pq")
WILD = frozenset("*?[")
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"  # what writers call a folder of rows without one


def parquet_source(text: str) -> Source:
    """The files that a path, a glob, a folder or an address stands for, by their names in order.

    Below a folder, and below what stands before the first wildcard of a glob, folders that are
    called ``key=value`` give their rows a column `key`: of integers where all values are written as
    such, else of text.

    Raises
    ------
    BadArgument
        If there is none, or it is no Parquet file.
    NotSupported
        If an address needs a package that is not installed.
    """
    if "://" in text:
        return _elsewhere(text)
    path = Path(text)
    if path.is_dir():
        return _folder(text, path)
    if path.exists():
        return parquet_list([text], text)
    if WILD & set(text):
        found = sorted(glob.glob(text, recursive=True))  # noqa: PTH207 - absolute ones too
        files = [one for one in found if not Path(one).is_dir()]
        if not files:
            advice = f"; folders are, and their files are {text + '/*.parquet'!r}"
            raise BadArgument(f"no file is called {text!r}{advice * bool(found)}")
        return parquet_list(files, text, _before_wild(text))
    raise BadArgument(f"there is no file or folder {text!r}")


def parquet_list(files: Sequence[str], label: str = "", root: str | None = None) -> Source:
    """These files, in this order; `root` is the folder whose own name says nothing of their rows.

    Raises
    ------
    BadArgument
        If one of them is not there, or does not end as a Parquet file does.
    """
    gone = next((one for one in files if not Path(one).exists()), None)
    if gone is not None:
        raise BadArgument(f"there is no file {gone!r}")
    other = next((one for one in files if not one.lower().endswith(ENDINGS)), None)
    if other is not None and Path(other).is_dir():
        raise BadArgument(f"{other!r} is a folder; pass one folder alone, or the paths of files")
    if other is not None:
        raise BadArgument(
            f"{other!r} is read as Parquet and does not end in .parquet; of a CSV file pass "
            "pandas.read_csv(path), or where it does not fit in memory duckdb.read_csv(path)"
        )
    if root is None:
        root = os.path.commonpath([os.path.dirname(os.path.abspath(one)) for one in files])  # noqa: PTH100, PTH120
    label = label or f"{len(files)} files in {root}"
    return Parquet(label, _places(files, [_below(one, root) for one in files]))


def _below(path: str, root: str) -> str:
    return Path(os.path.relpath(path, root or ".")).as_posix()


def _before_wild(text: str) -> str:
    """What of a glob stands before its first component with a wildcard."""
    parts = Path(text).parts
    first = next(k for k, part in enumerate(parts) if WILD & set(part))
    return str(Path(*parts[:first])) if first else ""


def _folder(text: str, path: Path) -> Source:
    """All Parquet files below a folder."""
    below = sorted(one for end in ENDINGS for one in path.rglob(f"*{end}"))
    names = [one.relative_to(path).as_posix() for one in below]
    kept = [(str(one), name) for one, name in zip(below, names, strict=True) if _is_data(name)]
    if not kept:
        raise BadArgument(f"{text!r} is a folder without Parquet files (ending in .parquet or .pq)")
    return Parquet(text, _places(*map(list, zip(*kept, strict=True))))


def _is_data(name: str) -> bool:
    """Whether a file below a folder is one of its rows: what begins with . or _ is none."""
    return not any(part.startswith((".", "_")) for part in name.split("/"))


def _places(paths: Sequence[str], below: Sequence[str]) -> list[Place]:
    """Files by paths, what they are called below the folder given, and the values of folders."""
    last = [PurePosixPath(name).name for name in below]
    called = last if len(set(last)) == len(last) else list(below)
    values = _values([_said(name) for name in below])
    return [Place(*one) for one in zip(paths, called, values, strict=True)]


def _said(name: str) -> dict[str, str]:
    """Folder by folder what is said as ``key=value``."""
    pairs = [part.split("=", 1) for part in name.split("/")[:-1] if part.find("=") > 0]
    return {unquote(key): unquote(value) for key, value in pairs}


def _values(said: Sequence[Mapping[str, str]]) -> list[dict[str, pa.Scalar]]:
    """The values of folders as those of columns that have one type each."""
    if not any(said):
        return [{} for _ in said]
    import pyarrow as pa

    kinds: dict[str, Any] = {}
    for key in {key for one in said for key in one}:
        texts = {one[key] for one in said if key in one} - {NO_VALUE}
        whole = bool(texts) and all(_is_whole(text) for text in texts)
        kinds[key] = (int, pa.int64()) if whole else (str, pa.string())

    def value(key: str, text: str) -> pa.Scalar:
        made, kind = kinds[key]
        return pa.scalar(None if text == NO_VALUE else made(text), kind)

    return [{key: value(key, text) for key, text in one.items()} for one in said]


def _is_whole(text: str) -> bool:
    """Whether it is an integer as Python writes it; 007 is a code, and stays one.

    Examples
    --------
    >>> [_is_whole(text) for text in ("2024", "-3", "007", "1.5", "")]
    [True, True, False, False, False]
    """
    try:
        return str(int(text)) == text and abs(int(text)) < 2**63
    except ValueError:
        return False


def _elsewhere(text: str) -> Source:
    """The files that an address such as ``s3://bucket/sales/*.parquet`` stands for."""
    try:
        from fsspec.core import url_to_fs
    except ModuleNotFoundError:
        raise NotSupported(
            f"{text!r}: addresses need fsspec; install it with pip install 'bayesreg[remote]'"
        ) from None
    try:
        remote, path = url_to_fs(text)
    except ImportError as error:  # which names the package that this kind of address needs
        raise NotSupported(f"{text!r}: {error}") from None
    root = str(PurePosixPath(path).parent)
    if WILD & set(path):
        found, root = sorted(remote.glob(path)), _before_wild(path)
    elif remote.isdir(path):
        root = path
        found = sorted(one for one in remote.find(path) if one.lower().endswith(ENDINGS))
        found = [one for one in found if _is_data(_beneath(one, root))]
    else:
        found = [path] if remote.exists(path) else []
    if not found:
        raise BadArgument(f"there is no file {text!r}")
    return Parquet(text, _places(found, [_beneath(one, root) for one in found]), remote)


def _beneath(path: str, root: str) -> str:
    """A path of another machine as it is below a folder, both with or without a leading slash."""
    one, other = path.strip("/"), str(root).strip("/")
    return one.removeprefix(other).strip("/") if one.startswith(other) else one
