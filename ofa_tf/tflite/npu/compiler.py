"""Compiling a model ahead of time for the neural processor of one chip, with the vendor's compiler.

What the processor takes of a model becomes one operator of the compiled file, which only that chip runs; the rest stays
as it is, and the phone's CPU runs it.
"""

import dataclasses
import importlib.util
import re
import tempfile
from pathlib import Path

from ofa_tf.base import files
from ofa_tf.base.counts import count_in_words
from ofa_tf.base.errors import InputError
from ofa_tf.tflite.npu.socs import Soc

_PARTITIONED = re.compile(
    r"Partitioned subgraph<\d+>, selected (\d+) ops, from a total of (\d+) ops\. resulted in (\d+) partitions"
)


@dataclasses.dataclass(frozen=True)
class Partitions:
    """What a neural processor takes of a model.

    Args:
        num_operators: Operators of the model.
        num_taken: Operators that it takes.
        num_partitions: Runs of those; 1 is best: activations change hands at each border.
    """

    num_operators: int
    num_taken: int
    num_partitions: int

    def in_words(self) -> str:
        """In a clause."""
        partitions = count_in_words(self.num_partitions, "partition")
        return f"{self.num_taken} of {self.num_operators} operators, in {partitions}"


def check_compiler(soc: Soc) -> None:
    """Check that the compiler of a chip's vendor is installed.

    Raises:
        InputError: If it is not; says what installs it.
    """
    vendor = soc.vendor
    if importlib.util.find_spec(vendor.sdk_module) is None:
        raise InputError(
            f"Expected {vendor.name}'s compiler, to compile for {soc.model}. Received: no Python module "
            f"{vendor.sdk_module}. Install it (pip install {vendor.sdk_package}), or leave the chip out: --target=npu "
            "makes a model that a phone compiles by itself."
        )


def partition(content: bytes, soc: Soc) -> Partitions:
    """What a chip's neural processor takes of a model, as its vendor's compiler says.

    Args:
        content: Content of the `.tflite` file.
        soc: The chip.

    Raises:
        InputError: If the compiler does not work.
    """
    with tempfile.TemporaryDirectory(prefix="ofa_tf_") as folder:
        return _run_compiler("partition", content, soc, Path(folder))


def compile_model(content: bytes, soc: Soc, output: Path) -> Partitions:
    """Compile a model for a chip, and write it, completely or not at all.

    Args:
        content: Content of the `.tflite` file.
        soc: The chip.
        output: The file to write, ending in `.tflite`.

    Raises:
        InputError: If the compiler does not work.
    """
    with tempfile.TemporaryDirectory(prefix="ofa_tf_") as folder:
        partitions = _run_compiler("apply", content, soc, Path(folder))
        files.write_bytes(output, _compiled_file(Path(folder)).read_bytes())
    return partitions


def _compiled_file(folder: Path) -> Path:
    return folder / "compiled.tflite"


def _run_compiler(command: str, content: bytes, soc: Soc, folder: Path) -> Partitions:
    """Let the vendor's plug-in do something with a model in a folder."""
    from ofa_tf.tflite.npu.litert_plugins import run_plugin

    model = folder / "model.tflite"
    model.write_bytes(content)
    try:
        told = run_plugin(command, soc.vendor.litert_name, soc.model, model, _compiled_file(folder))
    except InputError as error:
        advice = f"Check that {soc.vendor.sdk_package} is installed completely: it brings the libraries."
        if soc.vendor.lacks_compiler:
            advice = f"{soc.vendor.sdk_package} tells partitions and has no compiler: install that otherwise."
        raise InputError(
            f"Expected {soc.vendor.name}'s compiler to take the model for {soc.model}. Received: {error}. {advice}"
        ) from error
    found = _PARTITIONED.search(told)
    if found is None:
        raise InputError(
            f"Expected {soc.vendor.name}'s compiler to say what it takes of the model. Received: nothing of that. "
            "Another version of ai-edge-litert may say it in other words."
        )
    num_taken, num_operators, num_partitions = (int(number) for number in found.groups())
    return Partitions(num_operators, num_taken, num_partitions)
