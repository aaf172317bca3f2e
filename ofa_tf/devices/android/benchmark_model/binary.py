"""The program `benchmark_model` for a phone: where it is looked for, and where it comes from."""

import hashlib
import http.client
import os
import time
import urllib.request
from pathlib import Path

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.devices.android.benchmark_model.benchmark_tool import BenchmarkTool
from ofa_tf.devices.android.benchmark_model.benchmark_tools import BENCHMARK_TOOLS, TFLITE, check_is_tool

_ANSWER_S = 60.0  # that the server may be silent
_DOWNLOAD_S = 900.0  # that all may take
_CHUNK_BYTES = 1 << 20
_ELF_MAGIC = b"\x7fELF"


def benchmark_binary_address(abi: str, tool: BenchmarkTool = TFLITE) -> str:
    """Where a program is published for an ABI.

    Raises:
        InputError: If it is not published for that ABI.
    """
    addresses = tool.published
    if abi not in addresses:
        advice = "Build it, and name it with --benchmark_binary"
        others = [name for name in BENCHMARK_TOOLS if abi in BENCHMARK_TOOLS[name].published]
        if others:
            advice += f", or take the other program (--benchmark_tool={others[0]})"
        raise InputError(
            f"Expected the ABI to be one of {list(addresses)}, for which {tool.title} is published. Received: {abi!r}. "
            f"{advice}."
        )
    return addresses[abi]


def cached_benchmark_binary(abi: str, tool: BenchmarkTool = TFLITE) -> Path:
    """Where a program for an ABI is kept: in `$XDG_CACHE_HOME/ofa_tf`, else `~/.cache/ofa_tf`."""
    cache = Path.home() / ".cache"
    if os.environ.get("XDG_CACHE_HOME"):
        cache = Path(os.environ["XDG_CACHE_HOME"])
    return cache / "ofa_tf" / tool.cached_name(abi)


def find_benchmark_binary(abi: str, tool: BenchmarkTool = TFLITE) -> Path:
    """A program for an ABI from the cache.

    Raises:
        InputError: If it is not there, or what is there is the other program.
    """
    path = cached_benchmark_binary(abi, tool)
    if not path.is_file():
        which = "" if tool is TFLITE else f" --benchmark_tool={tool.name}"
        raise InputError(
            f"Expected benchmark_model for {abi} ({tool.name}) at {path}. Received: no such file. "
            f"Name one with --benchmark_binary, or get {benchmark_binary_address(abi, tool)} "
            f"with --fetch_benchmark_binary={abi}{which}."
        )
    check_is_tool(path, tool)
    return path


def fetch_benchmark_binary(abi: str, address: str | None = None, tool: BenchmarkTool = TFLITE) -> tuple[Path, str]:
    """Download a program for an ABI into the cache.

    Args:
        abi: Android's name, such as `"arm64-v8a"`.
        address: Where from; where it is published by default.
        tool: Which program.

    Returns:
        Its path and its SHA-256.

    Raises:
        InputError: If it is not published for that ABI, not reached or not a program.
    """
    address = address or benchmark_binary_address(abi, tool)
    path = cached_benchmark_binary(abi, tool)
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
