"""Which models an export writes, checked before the work begins. Loads neither TensorFlow nor Keras."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.search.constraint_kinds import CONSTRAINT_KINDS
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.quantization.modes import QuantizationMode
from ofa_tf.tflite.quantization.precisions import PRECISIONS
from ofa_tf.tflite.shipping.sidecar import check_model_replaceable, sidecar_path
from ofa_tf.workflow.arch_names import parse_archs


def plan_exports(space: SearchSpace, arch_texts: Sequence[str], output: str) -> dict[str, Arch]:
    """The archs to export, by the paths of their models.

    Args:
        space: The run's search space.
        arch_texts: What names archs, see `parse_archs`.
        output: The file to write; of several archs, the folder.

    Raises:
        InputError: If an arch or a path is not allowed, or a path is that of
            something else.
    """
    named: list[tuple[str, Arch]] = []
    for text in arch_texts:
        named += parse_archs(space, text).items()
    if len(named) == 1:
        ((_, arch),) = named
        archs = {output: arch}
    else:
        archs = _in_folder(named, output, arch_texts)
    for path in archs:
        check_model_output(path)
    return archs


def _in_folder(
    named: Sequence[tuple[str, Arch]],
    folder: str,
    arch_texts: Sequence[str],
) -> dict[str, Arch]:
    if folder.endswith(".tflite"):
        raise InputError(f"Expected --output to be a folder for {len(named)} archs. Received: {folder}.")
    archs = {str(Path(folder) / f"{name}.tflite"): arch for name, arch in named}
    if len(archs) < len(named):
        raise InputError(f"Expected the names of --arch to differ. Received: {','.join(arch_texts)}.")
    return archs


def check_model_output(path: str | Path) -> None:
    """Check that a model and its sidecar can be written, now rather than after the work.

    Raises:
        InputError: If they cannot, or would replace something else.
    """
    sidecar = sidecar_path(path)
    files.check_output(path)
    check_model_replaceable(path)
    files.check_replaceable(sidecar, "tflite_model")


def find_other_precision(arch_path: str, mode: QuantizationMode) -> str | None:
    """The precision that an arch was searched in, if what limited it is not that of models in a quantization mode.

    Args:
        arch_path: An arch file, or other text that names archs.
        mode: How the arch's model is quantized.

    Returns:
        The name of the precision; `None`: it is the mode's, or nothing is known of it.
    """
    if not Path(arch_path).is_file():
        return None
    notes = files.read_json(arch_path, "arch").get("notes")
    if not isinstance(notes, dict) or notes.get("precision") is None:
        return None
    name = str(notes["precision"])
    is_same = name in PRECISIONS and PRECISIONS[name].holds_for(mode)
    limits = notes.get("limits")
    is_free = limits is not None and not _depends_on_precision(limits)
    if is_same or is_free:
        return None
    return name


def _depends_on_precision(limits: Iterable[str]) -> bool:
    """Whether one of the limits of a search, by name, is of something that depends on the precision."""
    return any(name not in CONSTRAINT_KINDS or CONSTRAINT_KINDS[name].depends_on_precision for name in limits)
