"""The languages that programs are written in, by name."""

from collections.abc import Callable
from pathlib import Path

from ofa_tf.base.registry import Registry
from ofa_tf.tflite.snippets.kotlin_program import kotlin_program
from ofa_tf.tflite.snippets.model_use import ModelUse
from ofa_tf.tflite.snippets.python_program import python_program

ProgramWriter = Callable[[ModelUse], str]

PROGRAM_KINDS: Registry[ProgramWriter] = Registry("language of a program")
PROGRAM_KINDS.register("python", python_program)
PROGRAM_KINDS.register("kotlin", kotlin_program)


def write_program(model_path: str | Path, language: str) -> str:
    """A complete program that uses a model.

    Args:
        model_path: The `.tflite` file.
        language: A name in `PROGRAM_KINDS`.

    Returns:
        The program's text.

    Raises:
        InputError: If the model cannot be read, or not be used from that language.
    """
    write = PROGRAM_KINDS[language]
    return write(ModelUse.read(model_path))
