"""A TFLite file, the JSON file beside it that says what it is, and the model card that tells people so."""

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
from ofa_tf.tflite.litert.standard_metadata import labels_text
from ofa_tf.tflite.shipping.labels_file import check_labels_replaceable, holds_labels, labels_path
from ofa_tf.tflite.shipping.model_card import OWN_PART, check_card_replaceable, describe_model_card, read_own_part
from ofa_tf.tflite.shipping.preprocessing import Preprocessing

_KIND = "tflite_model"


def sidecar_path(model_path: str | Path) -> Path:
    """Where the sidecar of a model lies: `M.tflite` -> `M.json`.

    Raises:
        InputError: If the name does not end in `.tflite`.
    """
    return _checked_name(model_path).with_suffix(".json")


def card_path(model_path: str | Path) -> Path:
    """Where the model card of a model lies: `M.tflite` -> `M.md`.

    Raises:
        InputError: If the name does not end in `.tflite`.
    """
    return _checked_name(model_path).with_suffix(".md")


def _checked_name(model_path: str | Path) -> Path:
    path = Path(model_path)
    if path.suffix != ".tflite":
        raise InputError(f"Expected the model's file name to end in .tflite. Received: {str(model_path)!r}.")
    return path


def describe(
    arch: Arch,
    options: ExportOptions,
    num_classes: int,
    input_format: InputFormat,
    class_names: Sequence[str] | None = None,
    preprocessing: Preprocessing | None = None,
) -> dict[str, Any]:
    """What a program needs to know to use a model, and who wrote it; JSON-serialisable.

    Args:
        arch: The subnet.
        options: How it was converted.
        num_classes: Number of classes.
        input_format: What the model takes as an image, with the normalization of
            pixels from 0 to 255.
        class_names: Names of the classes in the order of the logits.
        preprocessing: What is done to images before they are normalised; `None`: it is not
            known.

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
        "preprocessing": preprocessing.to_dict() if preprocessing is not None else None,
        "output": options.output_format.content,
        "versions": files.versions(),
    }


def save_tflite(path: str | Path, content: bytes, facts: Mapping[str, Any]) -> Path:
    """Write a model with its sidecar, its model card and the names of its classes, each completely or not at all.

    Should one of several older files not be replaceable after another was,
    `load_sidecar` notices that they do not belong together.

    Args:
        path: File to write, ending in `.tflite`.
        content: Content of the model file.
        facts: What the sidecar shall say beside the file's name, hash and size:
            `describe`'s, and further ones such as `num_macs` and `top1`.

    Returns:
        Path of the sidecar.

    Raises:
        InputError: If the name does not end in `.tflite`, or there is another file where one
            of them will lie, that this program did not write.
        OSError: If a file cannot be written.
    """
    path = Path(path)
    labels = labels_path(path)
    class_names = facts.get("class_names")
    former_names = _class_names(path)
    files.check_replaceable(sidecar_path(path), _KIND)
    check_card_replaceable(card_path(path))
    if class_names is not None and not holds_labels(labels, class_names):
        check_labels_replaceable(labels, former_names)
    payload: dict[str, Any] = {
        "model": path.name,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        **facts,
    }
    companions = (sidecar_path(path), card_path(path), labels)
    new_files = [file for file in companions if not file.exists()]
    # All files are complete on disk before any gets its name; the model gets its name last.
    try:
        with files.atomic_path(path) as new_model:
            new_model.write_bytes(content)
            save_facts(path, payload)
            if class_names is not None:
                _save_labels(labels, class_names)
    except OSError:
        if not path.exists():
            for file in new_files:
                file.unlink(missing_ok=True)
        raise
    if class_names is None and holds_labels(labels, former_names):
        labels.unlink()
    return sidecar_path(path)


def _save_labels(path: Path, class_names: Sequence[str]) -> None:
    with files.atomic_path(path) as new_labels:
        new_labels.write_text(labels_text(class_names), encoding="utf-8")


def save_facts(path: str | Path, facts: Mapping[str, Any]) -> None:
    """Write the sidecar of a model, and the card that is made from it; each completely or not at all.

    What somebody wrote below the card's last line of ours is kept.

    Args:
        path: The model's file.
        facts: What the sidecar says.

    Raises:
        InputError: See `save_tflite`.
        OSError: If a file cannot be written.
    """
    sidecar = sidecar_path(path)
    card = card_path(path)
    files.check_replaceable(sidecar, _KIND)
    text = describe_model_card(facts, read_own_part(card))
    with files.atomic_path(sidecar) as new_sidecar, files.atomic_path(card) as new_card:
        files.write_json(new_sidecar, _KIND, facts)
        new_card.write_text(text, encoding="utf-8")


def remove_model(path: str | Path) -> None:
    """Remove a model with its sidecar, its card and the names of its classes.

    What this program did not write is left alone. A card in which somebody has written is kept: it is all that there
    is of that text.

    Args:
        path: The model's file; it may be missing.
    """
    path = Path(path)
    class_names = _class_names(path)
    labels = labels_path(path)
    try:
        load_sidecar(path)
        is_card_untouched = read_own_part(card_path(path)) in (None, OWN_PART)
    except InputError:
        return
    path.unlink()
    sidecar_path(path).unlink()
    if holds_labels(labels, class_names):
        labels.unlink()
    if is_card_untouched:
        card_path(path).unlink(missing_ok=True)


def check_model_replaceable(path: str | Path) -> None:
    """Check that writing a model, with sidecar and card, does not replace a file that is none of this program's.

    Raises:
        InputError: If there is a model, not empty, that neither has this program's
            metadata nor a sidecar that belongs to it, or another file where its sidecar, its
            card or the names of its classes will lie.
    """
    path = Path(path)
    check_labels_replaceable(labels_path(path), _class_names(path))
    files.check_replaceable(sidecar_path(path), _KIND)
    check_card_replaceable(card_path(path))
    if not path.is_file() or path.stat().st_size == 0:
        return
    if not _has_sidecar(path) and not _has_metadata(path):
        raise InputError(
            f"Expected {path} to be free, or an older model that tools/to_tflite.py wrote. Received: another file. "
            "Choose another name, or move that file away."
        )


def _class_names(path: Path) -> Sequence[str] | None:
    """The names of the classes of what lies at a path, by its sidecar or by itself; `None`: they are not known."""
    try:
        facts: Mapping[str, Any] | None = files.read_json(sidecar_path(path), _KIND)
    except InputError:
        facts = _read_metadata_if_any(path)
    if facts is None:
        return None
    names: Sequence[str] | None = facts.get("class_names")
    return names


def _has_sidecar(path: Path) -> bool:
    """Whether a sidecar that belongs to it lies beside a file."""
    try:
        load_sidecar(path)
    except InputError:
        return False
    return True


def _has_metadata(path: Path) -> bool:
    """Whether a file is a model with this program's metadata."""
    return _read_metadata_if_any(path) is not None


def _read_metadata_if_any(path: Path) -> dict[str, Any] | None:
    """This program's metadata of a model; `None`: it is none, or has none."""
    try:
        content, name = read_tflite(path)
        return find_metadata(content, name)
    except InputError:
        return None


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
