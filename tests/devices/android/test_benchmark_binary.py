import hashlib
import http.server
import importlib.metadata
import os
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android.benchmark_model import binary as benchmark_binary
from ofa_tf.devices.android.benchmark_model.benchmark_tools import LITERT
from ofa_tf.devices.android.benchmark_model.binary import (
    benchmark_binary_address,
    cached_benchmark_binary,
    fetch_benchmark_binary,
    find_benchmark_binary,
)

PROGRAM = b"\x7fELF" + bytes(1000)


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        content = b"<html>moved</html>" if self.path == "/page" else PROGRAM
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.path == "/trickle":
            for start in range(0, 1000, 100):
                self.wfile.write(content[start : start + 100])
                self.wfile.flush()
                time.sleep(0.05)
            return
        self.wfile.write(content[:500] if self.path == "/cut" else content)

    def log_message(self, *args: object) -> None:
        """Nothing: the tests' output is for failures."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_a_program_is_downloaded_into_the_cache(address: str) -> None:
    path, sha256 = fetch_benchmark_binary("arm64-v8a", address=f"{address}/program")
    assert path.read_bytes() == PROGRAM
    assert os.access(path, os.X_OK)
    assert sha256 == hashlib.sha256(PROGRAM).hexdigest()
    assert find_benchmark_binary("arm64-v8a") == path


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing", r"Received: HTTP Error 404: Not Found. Download it otherwise"),
        ("cut", r"Received: IncompleteRead\(500 bytes read, 504 more expected\). Download it otherwise"),
        ("page", r"to be a program \(ELF\). Received: a file that begins with b'<html>moved</htm'"),
    ],
)
def test_a_failed_download_leaves_the_former_program(
    address: str,
    name: str,
    message: str,
) -> None:
    fetch_benchmark_binary("arm64-v8a", address=f"{address}/program")
    with pytest.raises(InputError, match=message):
        fetch_benchmark_binary("arm64-v8a", address=f"{address}/{name}")
    path = cached_benchmark_binary("arm64-v8a")
    assert list(path.parent.iterdir()) == [path]
    assert path.read_bytes() == PROGRAM


def test_a_download_that_never_ends_is_given_up(
    address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(benchmark_binary, "_DOWNLOAD_S", 0.1)
    with pytest.raises(InputError, match=r"Received: it was not finished within 0.1 s. Download it otherwise"):
        fetch_benchmark_binary("arm64-v8a", address=f"{address}/trickle")


def test_a_missing_program_names_its_address_and_the_command() -> None:
    with pytest.raises(InputError, match=r"android_arm_benchmark_model with --fetch_benchmark_binary=armeabi-v7a"):
        find_benchmark_binary("armeabi-v7a")


def test_litert_publishes_its_program_by_version() -> None:
    version = importlib.metadata.version("ai-edge-litert")
    address = f"https://storage.googleapis.com/litert/binaries/{version}/android_arm64/benchmark_model"
    assert benchmark_binary_address("arm64-v8a", LITERT) == address
    assert cached_benchmark_binary("arm64-v8a", LITERT) != cached_benchmark_binary("arm64-v8a")
    message = rf"{re.escape(address)} with --fetch_benchmark_binary=arm64-v8a --benchmark_tool=litert\."
    with pytest.raises(InputError, match=message):
        find_benchmark_binary("arm64-v8a", LITERT)
    with pytest.raises(InputError, match=r"to be one of \['arm64-v8a'\], for which LiteRT's benchmark_model"):
        benchmark_binary_address("armeabi-v7a", LITERT)
    with pytest.raises(InputError, match=r"or take the other program \(--benchmark_tool=tflite\)\.$"):
        benchmark_binary_address("armeabi-v7a", LITERT)


def test_an_abi_without_a_published_program_is_named() -> None:
    abis = r"\['arm64-v8a', 'armeabi-v7a'\]"
    with pytest.raises(InputError, match=rf"to be one of {abis}, for which .* is published. Received: 'x86'"):
        benchmark_binary_address("x86")
    with pytest.raises(InputError, match=r"Build it, and name it with --benchmark_binary\.$"):
        benchmark_binary_address("x86")
