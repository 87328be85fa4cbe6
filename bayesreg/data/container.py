r"""The file: a line with version, SHA-256 and size, then an uncompressed npz with JSON beside.

    BAYESREG 1 <sha-256 of all that follows> <its size in bytes>\n
    <zip: meta.json, and one .npy per array>

Everything is hashed before anything is parsed, so that truncation and flipped bits are found first.
A checksum does not make a stranger's file honest; therefore members are stored uncompressed (what
is read is never larger than the file), their names are checked although nothing is ever extracted,
and arrays are of numbers and booleans only, so that nothing is ever unpickled.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from bayesreg.data.replacing import replacing
from bayesreg.language.errors import BadArgument, BadData

FORMAT = 1
MAGIC = b"BAYESREG "
# Version and size padded, so that the line can be written last, in place.
HEADER = "BAYESREG {version:d} {digest:64s} {size:020d}\n"
HEADER_SIZE = len(HEADER.format(version=FORMAT, digest="", size=0))
META = "meta.json"
MEMBER = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*\.npy", re.ASCII)
NUMBERS = "fiub"
CHUNK = 2**20
# Fixed, so that the same contents are the same bytes.
DATE = (1980, 1, 1, 0, 0, 0)
Target = str | os.PathLike[str]


@dataclass(frozen=True, eq=False)
class Payload:
    """What a file holds.

    Attributes
    ----------
    kind : str
        Which sort of result it is, such as ``"posterior"``.
    arrays : dict of str to ndarray
        Numbers and booleans.
    meta : dict
        Anything that JSON can hold; floats come back exactly.
    """

    kind: str
    arrays: dict[str, NDArray[Any]]
    meta: dict[str, Any]


def save_payload(
    path: Target,
    kind: str,
    arrays: Mapping[str, NDArray[Any]],
    meta: Mapping[str, Any],
    *,
    overwrite: bool = False,
) -> None:
    """Write arrays and JSON to one file, all of it or nothing.

    Parameters
    ----------
    path : str or path
        Where to write; the folder must exist.
    kind : str
        Which sort of result it is.
    arrays : mapping of str to ndarray
        Numbers and booleans, under names of letters, digits, ``_`` and ``.``.
    meta : mapping
        JSON-like.
    overwrite : bool, default False
        Whether to replace a file that exists.

    Raises
    ------
    BadArgument
        If the file exists, the path cannot be written, or an array does not hold numbers.
    OSError
        If writing fails, such as on a full disk; a file that existed before is left as it was.

    Examples
    --------
    >>> import tempfile, os, numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "x.bayesreg")
    ...     save_payload(path, "demo", {"a": np.arange(3)}, {"pi": 3.14})
    ...     load_payload(path).arrays["a"]
    array([0, 1, 2])
    """
    target = writable(path, overwrite=overwrite)
    _refuse_other_than_numbers(arrays)
    text = json.dumps({"kind": kind, "meta": dict(meta)}, ensure_ascii=True).encode()
    with replacing(target) as file:
        file.write(b" " * HEADER_SIZE)
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
            archive.writestr(zipfile.ZipInfo(META, DATE), text)
            for name, array in arrays.items():
                info = zipfile.ZipInfo(f"{name}.npy", DATE)
                with archive.open(info, "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)
        file.flush()
        digest, size = _digest(file)
        file.seek(0)
        file.write(HEADER.format(version=FORMAT, digest=digest, size=size).encode())


def load_payload(path: Target, kind: str | None = None) -> Payload:
    """Read a file written by :func:`save_payload`, all of it checked first.

    Parameters
    ----------
    path : str or path
        The file.
    kind : str, optional
        The kind that is expected.

    Returns
    -------
    Payload

    Raises
    ------
    BadArgument
        If there is no such file.
    BadData
        "corrupt" if it is empty, truncated, changed or malformed; "unsupported" if it is no file of
        bayesreg, one of a newer format, or of another kind.
    """
    source = Path(path)
    if not source.is_file():
        raise BadArgument(f"there is no file {str(source)!r}")
    with source.open("rb") as file:
        _verify(file, source)
        try:
            payload = _parse(file)
        except (
            zipfile.BadZipFile,
            ValueError,
            KeyError,
            TypeError,
            EOFError,
            NotImplementedError,
            RuntimeError,  # encrypted members; RecursionError of deep JSON
            struct.error,
        ) as error:
            raise BadData(f"{source.name!r} is corrupt: {error}; save it again") from error
    if kind is not None and payload.kind != kind:
        raise BadData(
            f"{source.name!r} is unsupported here: it holds {payload.kind!r}, not {kind!r}"
        )
    return payload


def _verify(file: IO[bytes], source: Path) -> None:
    """Magic, version, size and checksum, before anything is parsed."""
    name = repr(source.name)
    head = file.read(HEADER_SIZE)
    if not head:
        raise BadData(f"{name} is corrupt: the file is empty; save it again")
    if not head.startswith(MAGIC):
        raise BadData(f"{name} is unsupported: it is not a file written by bayesreg")
    parts = head.split()
    if len(parts) > 1 and parts[1].isdigit() and int(parts[1]) > FORMAT:
        raise BadData(
            f"{name} is unsupported: it has format {int(parts[1])}, newer than this bayesreg "
            f"reads ({FORMAT}); update bayesreg"
        )
    if len(head) < HEADER_SIZE or len(parts) != 4 or not (parts[1] + parts[3]).isdigit():
        raise BadData(f"{name} is corrupt: its first line is damaged; save it again")
    digest, size = _digest(file)
    if size != int(parts[3]):
        raise BadData(
            f"{name} is corrupt: {size} bytes follow the first line, not {int(parts[3])} "
            "(truncated or appended to); copy or save it again"
        )
    if head != HEADER.format(version=FORMAT, digest=digest, size=size).encode():
        raise BadData(f"{name} is corrupt: its checksum does not match; copy or save it again")


def _digest(file: IO[bytes]) -> tuple[str, int]:
    """SHA-256 and size of what follows the first line."""
    file.seek(HEADER_SIZE)
    total, size = hashlib.sha256(), 0
    while chunk := file.read(CHUNK):
        total.update(chunk)
        size += len(chunk)
    return total.hexdigest(), size


def _parse(file: IO[bytes]) -> Payload:
    """The members of the zip, every one of them checked; ValueError where something is amiss."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        names = [info.filename for info in members]
        if len(set(names)) != len(names):
            raise ValueError("a member occurs twice")
        for info in members:
            if info.filename != META and not MEMBER.fullmatch(info.filename):
                raise ValueError(f"a member has the name {info.filename!r}")
            if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
                raise ValueError("a member is compressed")
        if sum(info.file_size for info in members) > os.fstat(file.fileno()).st_size:
            raise ValueError("the members are larger than the file")
        record = json.loads(archive.read(META))
        arrays = {
            info.filename.removesuffix(".npy"): _read_array(archive, info)
            for info in members
            if info.filename != META
        }
    kind, meta = record["kind"], record["meta"]
    if isinstance(kind, str) and isinstance(meta, dict):
        return Payload(kind, arrays, meta)
    raise ValueError("kind or meta is missing")


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> NDArray[Any]:
    """An array of numbers; its declared size is checked against the member's before allocation."""
    with archive.open(info) as member:
        version = np.lib.format.read_magic(member)
        readers = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }
        if version not in readers:
            raise ValueError(f"array format {version}")
        shape, fortran, dtype = readers[version](member)
        if dtype.kind not in NUMBERS or dtype.hasobject:
            raise ValueError(f"{info.filename} holds {dtype}, not numbers")
        count = 1
        for extent in shape:
            count *= int(extent)
        if count < 0 or count * dtype.itemsize != info.file_size - member.tell():
            raise ValueError(f"{info.filename} declares the shape {shape}")
        flat = np.empty(count, dtype)
        buffer = memoryview(flat).cast("B") if count else memoryview(b"")
        done = 0
        while done < len(buffer):
            got = member.readinto(buffer[done:])  # type: ignore[attr-defined]
            if not got:
                raise EOFError(f"{info.filename} ends early")
            done += got
        # Reading past the end makes zipfile compare the member's CRC.
        member.read(1)
    return flat.reshape(shape, order="F" if fortran else "C")


def _refuse_other_than_numbers(arrays: Mapping[str, NDArray[Any]]) -> None:
    for name, array in arrays.items():
        if not MEMBER.fullmatch(f"{name}.npy"):
            raise BadArgument(f"array name {name!r}: use letters, digits, _ and .")
        if np.asanyarray(array).dtype.kind not in NUMBERS:
            raise BadArgument(f"array {name!r} holds {np.asanyarray(array).dtype}, not numbers")


def writable(path: Target, *, overwrite: bool = False) -> Path:
    """The path, or why nothing can be written there."""
    target, shown = Path(path), repr(str(path))
    try:
        if target.is_dir():
            raise BadArgument(f"{shown} is a folder; give the name of a file")
        if not target.parent.is_dir():
            raise BadArgument(f"the folder of {shown} does not exist; create it first")
        if not overwrite and (target.exists() or target.is_symlink()):
            raise BadArgument(f"{shown} exists; pass overwrite=True to replace it")
    except OSError as error:
        raise BadArgument(f"{shown} cannot be written: {error.strerror}") from error
    return target
