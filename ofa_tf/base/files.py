"""Files that are either complete or absent: atomic writes and checked JSON."""

import contextlib
import glob
import importlib.metadata
import json
import os
import shutil
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ofa_tf
from ofa_tf.base.errors import InputError

# A temporary file this old belongs to a program that was killed: no file takes a day to write.
_MAX_WRITING_SECONDS = 86400

# Decide, beside this one, what a result means, and so are named in every JSON file.
_PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "litert-quantizer")

# What reading a damaged zip archive raises; `RuntimeError` stands for an encrypted one.
_ARCHIVE_ERRORS = (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError)


def versions() -> dict[str, str]:
    """Versions of the packages that decide what a result means.

    Returns:
        Package name -> version; "not installed" where there is none.
    """
    found = {"ofa_tf": ofa_tf.__version__}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` when the block succeeds.

    The temporary file or folder lies in a hidden folder beside `path`, keeps
    the file's name (some writers read its suffix) and vanishes on failure, so
    that a reader sees the old content or the new, never a part. What a killed
    program left is removed when the same path is written again a day later.

    Args:
        path: Where the finished file or folder shall be. A file already there
            is replaced; a folder already there must be removed first.

    Raises:
        OSError: If the folder of `path` cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path)
    scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent))
    try:
        temporary = scratch / path.name
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, path)
        _flush_folder(path.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write `content` to `path`, completely or not at all.

    Raises:
        OSError: If the file cannot be written (disk full, read-only folder).
    """
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def append_bytes(path: str | Path, content: bytes) -> None:
    """Write `content` behind what a file holds, and flush it to the disk. A process that is killed may write a part.

    Raises:
        OSError: If there is no such file, or it cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(descriptor)


def write_json(
    path: str | Path,
    kind: str,
    payload: Mapping[str, Any],
    version: int = 1,
) -> None:
    """Write `payload` as JSON headed by its schema and package versions.

    Args:
        path: Target file.
        kind: Kind of content, such as `"arch"`; the file gets
            `"schema": "ofa_tf/<kind>/<version>"`.
        payload: JSON-serialisable mapping.
        version: Version of the schema.

    Raises:
        InputError: If there is a file of another kind already.
        OSError: If the file cannot be written.
    """
    check_replaceable(path, kind)
    document = {"schema": f"ofa_tf/{kind}/{version}", "versions": versions(), **payload}
    text = json.dumps(document, indent=1) + "\n"
    write_bytes(path, text.encode())


def safe_name(text: str) -> str:
    """A text as part of a file's name: letters, digits, `-`, `.` and `_`; `_` in place of others."""
    return "".join(map(_safe_letter, text))


def _safe_letter(letter: str) -> str:
    is_safe = letter.isalnum() or letter in "-._"
    return letter if is_safe else "_"


def check_replaceable(path: str | Path, kind: str) -> None:
    """Check that writing a JSON file of a kind does not replace one of another kind.

    An arch and the sidecar of a model would otherwise easily meet under one name.

    Raises:
        InputError: If there is a file without the kind's schema: another program's,
            or one written by hand.
    """
    try:
        content = Path(path).read_bytes()
    except OSError:
        return
    if not content:
        return
    schema = _schema_of(content)
    if is_of_kind(schema, kind):
        return
    received = f"one with the schema {schema!r}"
    if schema is None:
        received = "one that this program did not write, or that is damaged"
    raise InputError(
        f"Expected {path} to be free, or an older file of the kind {kind!r}. "
        f"Received: {received}; it is not replaced. Choose another name, or move that file away."
    )


def _schema_of(content: bytes) -> Any:
    """The entry `schema` of a JSON object; `None` if there is none, or `content` is something else."""
    try:
        document = json.loads(content)
    except ValueError:
        return None
    if not isinstance(document, dict):
        return None
    return document.get("schema")


def is_of_kind(schema: Any, kind: str) -> bool:
    """Whether the entry `schema` of a document says that it is of a kind, whichever the version."""
    return str(schema).startswith(f"ofa_tf/{kind}/")


def version_of(path: str | Path) -> tuple[int, ...]:
    """What tells a file from what it was before it was changed or replaced; empty if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return (status.st_ino, status.st_mtime_ns, status.st_size)


def check_output(path: str | Path) -> None:
    """Check, before hours of work, that a file can be written: nothing is that stays.

    Raises:
        InputError: If the path is a folder or a device, or the folder that it would lie in
            cannot be written or made.
    """
    if not str(path):
        raise InputError("Expected a file to write. Received: no name. Name one.")
    path = Path(path)
    if path.is_dir():
        raise InputError(f"Expected a file to write. Received: the folder {str(path)!r}. Add a file name.")
    if path.exists() and not path.is_file():
        # A rename would replace a device, such as /dev/null, by a file.
        raise InputError(f"Expected a file to write. Received: {path}, a device, pipe or socket. Name a file.")
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir():
        fault = "a file"
    else:
        try:
            # Rights tell not all: the superuser has them everywhere, and some file systems take no files.
            with tempfile.TemporaryFile(dir=folder):
                return
        except OSError as error:
            fault = f"which cannot ({error.strerror})"
    raise InputError(
        f"Expected {path} to be in a folder that can be written. Received: {folder}, {fault}. Choose another."
    )


def read_json(
    path: str | Path,
    kind: str | None = None,
    hint: str = "",
) -> dict[str, Any]:
    """Read a JSON object, checking that it is of the expected kind.

    Args:
        path: File to read.
        kind: Expected kind; a file without a `schema` entry is accepted, so
            that a hand-written file works.
        hint: What to do when the file is missing, appended to the message.

    Raises:
        InputError: If the file is missing, is not a JSON object or is of
            another kind.
    """
    path = Path(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"Expected a file at {path}. Received: no such file. {hint}".strip()) from error
    except IsADirectoryError as error:
        raise InputError(f"Expected a JSON file. Received: the folder {path}. {hint}".strip()) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"Expected {path} to be a JSON file. Received: a file that is no text. Check that it is the right one."
        ) from error
    except json.JSONDecodeError as error:
        raise InputError(
            f"Expected {path} to be a JSON file. Received: {error}. Put it back from a copy, or make it again."
        ) from error
    if not isinstance(document, dict):
        raise InputError(f"Expected {path} to hold a JSON object. Received: {type(document).__name__}.")
    schema = document.get("schema")
    if kind is not None and schema is not None and not is_of_kind(schema, kind):
        raise InputError(
            f"Expected {path} to have the schema 'ofa_tf/{kind}/...'. Received: {schema!r}. "
            "Check that the right file was passed."
        )
    return document


def check_archive(path: str | Path, hint: str = "") -> None:
    """Check every byte of a zip archive (`.keras`, `.npz`) against its checksums.

    Args:
        path: File to check.
        hint: What to do when it is damaged, appended to the message.

    Raises:
        InputError: If the file is truncated or altered.
    """
    damage = _find_damage(Path(path))
    if damage is not None:
        message = f"Expected {path} to be a complete file. Received: a damaged one ({damage}). {hint}"
        raise InputError(message.rstrip())


def _find_damage(path: Path) -> str | None:
    """What is wrong with a zip archive; `None` if nothing is."""
    try:
        with zipfile.ZipFile(path) as archive:
            first_damaged = archive.testzip()
    except _ARCHIVE_ERRORS as error:
        return str(error)
    if first_damaged is None:
        return None
    return f"wrong checksum of {first_damaged}"


def _remove_leftovers(path: Path) -> None:
    """Remove what killed programs left of earlier attempts to write `path`."""
    for scratch in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        with contextlib.suppress(OSError):  # gone already, or not ours
            age_seconds = time.time() - scratch.stat().st_mtime
            if age_seconds > _MAX_WRITING_SECONDS:
                shutil.rmtree(scratch, ignore_errors=True)


def _flush_folder(path: Path) -> None:
    """Make a renaming last through a power cut; nothing where folders cannot be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        with contextlib.suppress(OSError):  # some file systems cannot
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_to_disk(path: Path) -> None:
    """Make a file, or a folder with all that is in it, last through a power cut."""
    if path.is_file():
        _flush_file(path)
        return
    for entry in path.rglob("*"):
        if entry.is_file():
            _flush_file(entry)
    if path.is_dir():
        _flush_folder(path)


def _flush_file(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
