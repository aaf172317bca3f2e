"""A shipped model compiled for the neural processor of one chip, in a file beside it."""

import hashlib
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce
from ofa_tf.tflite.npu.compiler import Partitions, compile_model, partition
from ofa_tf.tflite.npu.socs import Soc
from ofa_tf.tflite.shipping.sidecar import load_sidecar, save_facts

_KEY = "compiled"  # of the sidecar of the model


def compiled_path(model_path: str | Path, soc: Soc) -> Path:
    """Where the model compiled for a chip lies: `M.tflite` -> `M.qualcomm_SM8650.tflite`."""
    return Path(model_path).with_suffix(f".{soc.file_suffix}.tflite")


def check_compiled_replaceable(model_path: str | Path, soc: Soc) -> None:
    """Check that compiling a model for a chip can write its file, and does not replace another one.

    Raises:
        InputError: If it cannot, or there is a file that is not what the model's sidecar says was compiled before.
    """
    output = compiled_path(model_path, soc)
    files.check_output(output)
    if not output.is_file() or output in compiled_files(model_path):
        return
    raise InputError(
        f"Expected {output} to be free, or what an earlier export compiled. Received: another file. Move it away, or "
        "choose another name for the model."
    )


def compiled_files(model_path: str | Path) -> list[Path]:
    """The files that were compiled of a model and are unchanged since, as its sidecar tells; none without a sidecar."""
    try:
        compiled: dict[str, Any] = load_sidecar(model_path).get(_KEY, {})
    except InputError:
        return []
    found = []
    for each in compiled.values():
        path = Path(model_path).with_name(each["file"])
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == each["sha256"]:
            found.append(path)
    return found


def compile_shipped(model_path: str | Path, soc: Soc) -> Partitions:
    """Compile a shipped model for a chip, and say so in its sidecar and its card.

    The compiled file cannot run here: that the model is right is known of the one that it
    is made from.

    Args:
        model_path: The `.tflite` file, with its sidecar beside it.
        soc: The chip.

    Returns:
        What the chip's processor takes of it.

    Raises:
        InputError: If the vendor's compiler does not work, or its processor takes nothing of
            the model.
        OSError: If a file cannot be written.
    """
    content = Path(model_path).read_bytes()
    facts = load_sidecar(model_path)
    possible = partition(content, soc)
    if possible.num_taken == 0:
        raise InputError(
            f"Expected {soc.name} to take operators of {model_path}. Received: it takes none of "
            f"{possible.num_operators}. Take another quantization."
        )
    announce(f"{soc.name} takes {possible.in_words()}; compiling")
    output = compiled_path(model_path, soc)
    try:
        partitions = compile_model(content, soc, output)
    except InputError as error:
        raise InputError(f"{error} The model for any processor is written: {model_path}.") from error
    compiled_content = output.read_bytes()
    compiled = {
        "file": output.name,
        "size_bytes": len(compiled_content),
        "sha256": hashlib.sha256(compiled_content).hexdigest(),
        "num_operators": partitions.num_operators,
        "num_taken": partitions.num_taken,
        "num_partitions": partitions.num_partitions,
    }
    save_facts(model_path, {**facts, _KEY: {**facts.get(_KEY, {}), soc.name: compiled}})
    return partitions
