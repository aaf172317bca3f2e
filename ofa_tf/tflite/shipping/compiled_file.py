"""A shipped model compiled for the neural processor of one chip, in a file beside it."""

import hashlib
from pathlib import Path

from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce
from ofa_tf.tflite.npu.compiler import Partitions, compile_model, partition
from ofa_tf.tflite.npu.socs import Soc
from ofa_tf.tflite.shipping.sidecar import load_sidecar, save_facts


def compiled_path(model_path: str | Path, soc: Soc) -> Path:
    """Where the model compiled for a chip lies: `M.tflite` -> `M.qualcomm_SM8650.tflite`."""
    return Path(model_path).with_suffix(f".{soc.file_suffix}.tflite")


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
    partitions = partition(content, soc)
    if partitions.num_taken == 0:
        raise InputError(
            f"Expected {soc.name} to take operators of {model_path}. Received: it takes none of "
            f"{partitions.num_operators}. Take another quantization."
        )
    announce(f"{soc.name} takes {partitions.in_words()}; compiling")
    output = compiled_path(model_path, soc)
    compile_model(content, soc, output)
    compiled_content = output.read_bytes()
    compiled = {
        "file": output.name,
        "size_bytes": len(compiled_content),
        "sha256": hashlib.sha256(compiled_content).hexdigest(),
        "num_operators": partitions.num_operators,
        "num_taken": partitions.num_taken,
        "num_partitions": partitions.num_partitions,
    }
    save_facts(model_path, {**facts, "compiled": {**facts.get("compiled", {}), soc.name: compiled}})
    return partitions
