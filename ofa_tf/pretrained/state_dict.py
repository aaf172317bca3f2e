"""Reading the weights that PyTorch programs write."""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base import files
from ofa_tf.base.errors import InputError


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
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise InputError(
            f"Expected a checkpoint at {path}. Received: {found}. Where the published ones are says the README under "
            '"Published weights".'
        )
    document = _read_npz(path) if path.suffix == ".npz" else _read_torch(path)
    if isinstance(document.get("state_dict"), Mapping):
        document = document["state_dict"]
    tensors = {str(name): _to_numpy(value) for name, value in document.items()}
    wrong = [name for name, value in tensors.items() if value is None]
    if wrong or not tensors:
        raise InputError(
            f"Expected {path} to hold named weights. Received: {f'other things ({wrong[0]})' if wrong else 'none'}."
        )
    return {name: value for name, value in tensors.items() if value is not None}


def _read_npz(path: Path) -> dict[str, Any]:
    files.check_archive(path, "Download or write it again.")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except ValueError as error:  # arrays of Python objects, which would have to be unpickled
        raise InputError(f"Expected {path} to hold arrays of numbers. Received: {error}.") from error


def _read_torch(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        start = file.read(2)
    if start[:1] != b"\x80" and start != b"PK":  # a pickle (since protocol 2), an archive
        raise InputError(
            f"Expected {path} to be a file of PyTorch, or an .npz. Received: one that begins with {start!r}. "
            "Download it again."
        )
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
        raise
    except Exception as error:  # PyTorch raises pickle, zip, runtime, key and end-of-file errors for damaged files
        raise InputError(
            f"Expected {path} to be a complete file of PyTorch that holds weights only. Received: {_reason(error)}. "
            "Download it again, and only use files from sources that you trust."
        ) from error
    if not isinstance(document, Mapping):
        raise InputError(f"Expected {path} to hold named weights. Received: a {type(document).__name__}.")
    return dict(document)


def _reason(error: Exception) -> str:
    """What is wrong with a file; PyTorch's own words tell how to load it in ways that execute it."""
    found = re.search(r"GLOBAL (\S+)", str(error))
    if found:
        return f"one that asks to run {found[1]}"
    return "a damaged one, or one of something else" if isinstance(error, pickle.UnpicklingError) else "a damaged one"


def _to_numpy(value: Any) -> np.ndarray | None:
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        return value
    is_dense = hasattr(value, "detach") and not (value.is_sparse or value.is_quantized or value.is_complex())
    if not is_dense:
        return None
    return value.detach().float().numpy() if value.is_floating_point() else value.detach().numpy()
