"""A TFLite file and the JSON file beside it that says what it is."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.litert.metadata import find_metadata, read_tflite

_KIND = "tflite_model"


def sidecar_path(model_path: str | Path) -> Path:
    """Where the sidecar of a model lies: `M.tflite` -> `M.json`.

    Raises:
        InputError: If the name does not end in `.tflite`.
    """
    path = Path(model_path)
    if path.suffix != ".tflite":
        raise InputError(f"Expected the model's file name to end in .tflite. Received: {str(model_path)!r}.")
    return path.with_suffix(".json")


def describe(
    arch: Arch,
    options: ExportOptions,
    num_classes: int,
    input_format: InputFormat,
    class_names: Sequence[str] | None = None,
) -> dict[str, Any]:
    """What a program needs to know to use a model, and who wrote it; JSON-serialisable.

    Args:
        arch: The subnet.
        options: How it was converted.
        num_classes: Number of classes.
        input_format: What the model takes as an image, with the normalization of
            pixels from 0 to 255.
        class_names: Names of the classes in the order of the logits.

    Raises:
        InputError: If the number of class names is wrong.
    """
    if class_names is not None and len(class_names) != num_classes:
        raise InputError(
            f"Expected `class_names` to have {num_classes} entries, one per class. Received: {len(class_names)}."
        )
    settings = {name: getattr(options, name) for name in options.mode.settings}
    lowering = options.lowering
    if isinstance(lowering, str):
        lowering = [lowering]
    return {
        "quantization": options.quantization,
        **settings,
        "target": options.target,
        "lowering": list(lowering),
        "arch": arch.to_dict(),
        "image_size": arch.image_size,
        "num_classes": num_classes,
        "class_names": list(class_names) if class_names is not None else None,
        "input_type": input_format.input_type,
        "normalization": {"mean": list(input_format.mean), "std": list(input_format.std)},
        "versions": files.versions(),
    }


def save_tflite(path: str | Path, content: bytes, facts: Mapping[str, Any]) -> Path:
    """Write a model and its sidecar, each completely or not at all.

    Should the second of two older files not be replaceable after the first was,
    `load_sidecar` notices that they do not belong together.

    Args:
        path: File to write, ending in `.tflite`.
        content: Content of the model file.
        facts: What the sidecar shall say beside the file's name, hash and size:
            `describe`'s, and further ones such as `num_macs` and `top1`.

    Returns:
        Path of the sidecar.

    Raises:
        InputError: If the name does not end in `.tflite`.
        OSError: If a file cannot be written.
    """
    path = Path(path)
    sidecar = sidecar_path(path)
    files.check_replaceable(sidecar, _KIND)
    payload: dict[str, Any] = {
        "model": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        **facts,
    }

    was_there = sidecar.exists()
    # Both files are complete on disk before either gets its name; the sidecar gets its name first.
    try:
        with files.atomic_path(path) as new_model, files.atomic_path(sidecar) as new_sidecar:
            new_model.write_bytes(content)
            files.write_json(new_sidecar, _KIND, payload)
    except OSError:
        if not was_there and not path.exists():
            sidecar.unlink(missing_ok=True)
        raise
    return sidecar


def check_model_replaceable(path: str | Path) -> None:
    """Check that writing a model does not replace a file that is none of this program's.

    Raises:
        InputError: If there is a file, not empty, that neither has this program's
            metadata nor a sidecar that belongs to it.
    """
    path = Path(path)
    if not path.is_file() or path.stat().st_size == 0:
        return
    if not _has_sidecar(path) and not _has_metadata(path):
        raise InputError(
            f"Expected {path} to be free, or an older model that tools/to_tflite.py wrote. Received: another file. "
            "Choose another name, or move that file away."
        )


def _has_sidecar(path: Path) -> bool:
    """Whether a sidecar that belongs to it lies beside a file."""
    try:
        load_sidecar(path)
    except InputError:
        return False
    return True


def _has_metadata(path: Path) -> bool:
    """Whether a file is a model with this program's metadata."""
    try:
        content, name = read_tflite(path)
        return find_metadata(content, name) is not None
    except InputError:
        return False


def load_sidecar(model_path: str | Path) -> dict[str, Any]:
    """Read the sidecar of a model, checking that it belongs to the model.

    Raises:
        InputError: If there is none, or the model was changed since.
    """
    sidecar = sidecar_path(model_path)
    document = files.read_json(
        sidecar,
        _KIND,
        hint="Write the model with tools/to_tflite.py.",
    )
    try:
        sha256 = hashlib.sha256(Path(model_path).read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise InputError(f"Expected the model of {sidecar} at {model_path}. Received: no such file.") from error
    if document.get("sha256") != sha256:
        raise InputError(
            f"Expected {model_path} to be the model that {sidecar} describes (sha256 {document.get('sha256')}). "
            f"Received: sha256 {sha256}. Write both again with tools/to_tflite.py."
        )
    return document
