"""The names of a model's classes beside it, one a line, as programs that use TFLite models read them."""

from collections.abc import Sequence
from pathlib import Path

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.litert.standard_metadata import labels_text


def labels_path(model_path: Path) -> Path:
    """Where the names lie: `M.tflite` -> `M.labels.txt`."""
    return model_path.with_suffix(".labels.txt")


def holds_labels(path: Path, class_names: Sequence[str] | None) -> bool:
    """Whether a file holds the names of these classes, and nothing else."""
    if class_names is None:
        return False
    return path.is_file() and path.read_bytes() == labels_text(class_names).encode()


def check_labels_replaceable(path: Path, class_names: Sequence[str] | None) -> None:
    """Check that a file of names, if there is one, is what belongs to the model that will be replaced.

    Args:
        path: Where names will be written.
        class_names: Those of the model that is there; `None`: there is none, or none with names.

    Raises:
        InputError: If it is another file.
    """
    is_empty = not path.is_file() or path.stat().st_size == 0
    if is_empty or holds_labels(path, class_names):
        return
    raise InputError(
        f"Expected {path} to be free, or to hold the names of the classes of the model beside it. Received: another "
        "file; it is not replaced. Choose another name for the model, or move that file away."
    )
