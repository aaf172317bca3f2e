"""The languages that programs are written in, by name."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from ofa_tf.base.registry import Registry
from ofa_tf.tflite.litert.interpreter import describe_model
from ofa_tf.tflite.snippets.elastic_kotlin_program import elastic_kotlin_program
from ofa_tf.tflite.snippets.elastic_python_program import elastic_python_program
from ofa_tf.tflite.snippets.elastic_use import ElasticUse
from ofa_tf.tflite.snippets.kotlin_program import kotlin_program
from ofa_tf.tflite.snippets.model_use import ModelUse
from ofa_tf.tflite.snippets.python_program import python_program


@dataclasses.dataclass(frozen=True)
class ProgramKind:
    """A language of programs.

    Args:
        write: Makes a program of how to use a model.
        write_elastic: Makes a program of how to use an elastic file.
    """

    write: Callable[[ModelUse], str]
    write_elastic: Callable[[ElasticUse], str]


PROGRAM_KINDS: Registry[ProgramKind] = Registry("language of a program")
PROGRAM_KINDS.register("python", ProgramKind(python_program, elastic_python_program))
PROGRAM_KINDS.register("kotlin", ProgramKind(kotlin_program, elastic_kotlin_program))


def write_program(model_path: str | Path, language: str) -> str:
    """A complete program that uses a model, or the models of an elastic file.

    Args:
        model_path: The `.tflite` file.
        language: A name in `PROGRAM_KINDS`.

    Returns:
        The program's text.

    Raises:
        InputError: If the file is missing, damaged or not one that tools/to_tflite.py wrote, or
            cannot be used from that language.
    """
    kind = PROGRAM_KINDS[language]
    facts = describe_model(model_path)
    file_name = Path(model_path).name
    if "signatures" in facts:
        return kind.write_elastic(ElasticUse.from_facts(file_name, facts))
    return kind.write(ModelUse.from_facts(file_name, facts))
