"""Reading the weights that PyTorch programs write."""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base import files
from ofa_tf.base.errors import InputError

_PICKLE_START = b"\x80"  # since protocol 2
_ZIP_START = b"PK"


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """Read named weights as NumPy arrays.

    Args:
        path: An `.npz` file, or one that `torch.save` wrote (in its zip or its
            legacy format), possibly with the weights under the key `state_dict`.
            Files of PyTorch are unpickled by PyTorch with `weights_only=True`:
            nothing in them is executed.

    Raises:
        InputError: If the file is missing, damaged or holds anything but named
            weights, or PyTorch is needed and not installed.
    """
    path = Path(path)
    _check_is_file(path)
    read = _read_npz if path.suffix == ".npz" else _read_torch
    document = read(path)

    # Checkpoints of a training keep the weights under this key, beside the state of the optimizer.
    if isinstance(document.get("state_dict"), Mapping):
        document = document["state_dict"]

    arrays = {}
    for name, value in document.items():
        array = _to_numpy(value)
        if array is None:
            raise InputError(f"Expected {path} to hold named weights. Received: other things ({name}).")
        arrays[str(name)] = array
    if not arrays:
        raise InputError(f"Expected {path} to hold named weights. Received: none.")
    return arrays


def _check_is_file(path: Path) -> None:
    if path.is_file():
        return
    found = "a folder" if path.is_dir() else "no such file"
    raise InputError(
        f"Expected a checkpoint at {path}. Received: {found}. Where the published ones are says "
        "docs/published-weights.md."
    )


def _read_npz(path: Path) -> dict[str, Any]:
    """The arrays of an `.npz` file.

    Raises:
        InputError: If it is damaged or holds objects.
    """
    files.check_archive(path, "Download or write it again.")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except ValueError as error:
        # Arrays of Python objects would have to be unpickled, which may execute anything.
        raise InputError(f"Expected {path} to hold arrays of numbers. Received: {error}.") from error


def _read_torch(path: Path) -> dict[str, Any]:
    """What a file of PyTorch holds, with tensors as values.

    Raises:
        InputError: If it is damaged, of something else or not of PyTorch at all, or
            PyTorch is needed and not installed.
    """
    _check_begins_like_torch(path)
    try:
        import torch
    except ImportError as error:
        raise InputError(
            f"Expected PyTorch to be installed, to read {path}. Received: {error}. Install it with "
            "pip install -c constraints.txt -e .[pytorch], or save the weights as .npz where it is installed: "
            "numpy.savez(FILE, **{name: tensor.numpy() for name, tensor in state_dict.items()})."
        ) from error
    try:
        document = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        # These say something about the computer, not about the file.
        raise
    except Exception as error:
        # For damaged files, PyTorch raises pickle, zip, runtime, key and end-of-file errors.
        raise InputError(
            f"Expected {path} to be a complete file of PyTorch that holds weights only. Received: {_reason(error)}. "
            "Download it again, and only use files from sources that you trust."
        ) from error
    if not isinstance(document, Mapping):
        raise InputError(f"Expected {path} to hold named weights. Received: a {type(document).__name__}.")
    return dict(document)


def _check_begins_like_torch(path: Path) -> None:
    """Check the first bytes, so that a file of something else is named as such without PyTorch.

    Raises:
        InputError: If it is one.
    """
    with path.open("rb") as file:
        start = file.read(2)
    is_pickle = start[:1] == _PICKLE_START
    if is_pickle or start == _ZIP_START:
        return
    raise InputError(
        f"Expected {path} to be a file of PyTorch, or an .npz. Received: one that begins with {start!r}. "
        "Download it again."
    )


def _reason(error: Exception) -> str:
    """What is wrong with a file; PyTorch's own words tell how to load it in ways that execute it."""
    found = re.search(r"GLOBAL (\S+)", str(error))
    if found:
        return f"one that asks to run {found[1]}"
    if isinstance(error, pickle.UnpicklingError):
        return "a damaged one, or one of something else"
    return "a damaged one"


def _to_numpy(value: Any) -> np.ndarray | None:
    """An array of numbers, whether it was one or is a tensor; `None` for anything else."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        return value
    if not _is_dense_tensor(value):
        return None
    tensor = value.detach()
    if tensor.is_floating_point():
        # NumPy has no bfloat16.
        tensor = tensor.float()
    return tensor.numpy()


def _is_dense_tensor(value: Any) -> bool:
    """Whether a value is a tensor that NumPy has a form for."""
    is_tensor = hasattr(value, "detach")
    return is_tensor and not (value.is_sparse or value.is_quantized or value.is_complex())
