"""The program `benchmark_model` for a phone: where it is looked for, and where it comes from."""

import hashlib
import http.client
import os
import time
import urllib.request
from pathlib import Path

from ofa_tf.base import files
from ofa_tf.base.errors import InputError

_ADDRESS = (
    "https://storage.googleapis.com/tensorflow-nightly-public/prod/tensorflow/release/lite/tools/nightly/latest/"
    "{name}_benchmark_model"
)
_PUBLISHED_NAMES = {"arm64-v8a": "android_aarch64", "armeabi-v7a": "android_arm"}  # by Android's ABI
_ANSWER_S = 60.0  # that the server may be silent
_DOWNLOAD_S = 900.0  # that all may take
_CHUNK_BYTES = 1 << 20
_ELF_MAGIC = b"\x7fELF"


def benchmark_binary_address(abi: str) -> str:
    """Where TensorFlow publishes the program for an ABI.

    Raises:
        InputError: If it is not published for that ABI.
    """
    if abi not in _PUBLISHED_NAMES:
        raise InputError(
            f"Expected the ABI to be one of {list(_PUBLISHED_NAMES)}. Received: {abi!r}. "
            "Build benchmark_model for it, and name it with --benchmark_binary."
        )
    return _ADDRESS.format(name=_PUBLISHED_NAMES[abi])


def cached_benchmark_binary(abi: str) -> Path:
    """Where the program for an ABI is kept: in `$XDG_CACHE_HOME/ofa_tf`, else `~/.cache/ofa_tf`."""
    cache = Path.home() / ".cache"
    if os.environ.get("XDG_CACHE_HOME"):
        cache = Path(os.environ["XDG_CACHE_HOME"])
    return cache / "ofa_tf" / f"benchmark_model_{abi}"


def find_benchmark_binary(abi: str) -> Path:
    """The program for an ABI from the cache.

    Raises:
        InputError: If it is not there.
    """
    path = cached_benchmark_binary(abi)
    if not path.is_file():
        raise InputError(
            f"Expected benchmark_model for {abi} at {path}. Received: no such file. Name one with --benchmark_binary, "
            f"or get {benchmark_binary_address(abi)} with --fetch_benchmark_binary={abi}."
        )
    return path


def fetch_benchmark_binary(abi: str, address: str | None = None) -> tuple[Path, str]:
    """Download the program for an ABI into the cache.

    Args:
        abi: Android's name, such as `"arm64-v8a"`.
        address: Where from; TensorFlow's by default.

    Returns:
        Its path and its SHA-256.

    Raises:
        InputError: If it is not published for that ABI, not reached or not a program.
    """
    address = address or benchmark_binary_address(abi)
    path = cached_benchmark_binary(abi)
    try:
        content = _download(address)
    except (OSError, http.client.HTTPException) as error:
        raise InputError(
            f"Expected to download {address}. Received: {error}. "
            f"Download it otherwise, and name it with --benchmark_binary or save it as {path}."
        ) from error
    if not content.startswith(_ELF_MAGIC):
        raise InputError(
            f"Expected {address} to be a program (ELF). Received: a file that begins with {content[:16]!r}."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with files.atomic_path(path) as new:
        new.write_bytes(content)
        new.chmod(0o755)
    return path, hashlib.sha256(content).hexdigest()


def _download(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=_ANSWER_S) as response:
        deadline = time.monotonic() + _DOWNLOAD_S
        return _read(response, deadline)


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    chunks = []
    while chunk := response.read1(_CHUNK_BYTES):
        chunks.append(chunk)
        if time.monotonic() > deadline:
            raise TimeoutError(f"it was not finished within {_DOWNLOAD_S:g} s")
    content = b"".join(chunks)
    expected = response.headers.get("Content-Length")
    if expected is not None and len(content) != int(expected):  # `read1` does not say so
        raise http.client.IncompleteRead(content, int(expected) - len(content))
    return content
