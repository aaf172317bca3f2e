"""What the host is, as far as its latencies depend on it."""

import functools
import hashlib
import importlib.metadata
import os
import platform
from pathlib import Path

from ofa_tf.base.cpu_model import read_cpu_model
from ofa_tf.base.errors import InputError
from ofa_tf.devices.device_facts import DeviceFacts

HOST_ID = "host"

_RUNTIME_PACKAGE = "ai-edge-litert"
_RUNTIME_LIBRARIES = ("libpywrap_litert", "libLiteRt.")  # beginnings of the names of the files that compute


@functools.lru_cache(maxsize=1)
def read_host_facts() -> DeviceFacts:
    """Facts about this computer and its LiteRT, which do not change while the program runs.

    Raises:
        InputError: If LiteRT is not installed.
    """
    return DeviceFacts(
        device=HOST_ID,
        model=read_cpu_model(),
        abi=platform.machine(),
        os_build=platform.platform(),
        num_cores=os.cpu_count(),
        runtime=f"LiteRT {_litert_version()}",
        runtime_sha256=_runtime_hash(),
        delegate="XNNPACK",
    )


def _litert_version() -> str:
    try:
        return importlib.metadata.version(_RUNTIME_PACKAGE)
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(
            f"Expected the package {_RUNTIME_PACKAGE} to be installed. Received: not found. Run `make install`."
        ) from error


def _runtime_hash() -> str:
    """Hash over the runtime's native libraries."""
    digest = hashlib.sha256()
    files = importlib.metadata.files(_RUNTIME_PACKAGE) or []
    for file in sorted(files, key=str):
        if file.name.startswith(_RUNTIME_LIBRARIES):
            path = Path(str(file.locate()))
            digest.update(path.read_bytes())
    return digest.hexdigest()
