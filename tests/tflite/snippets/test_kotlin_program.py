"""The Kotlin file compiles, gives the model what the Python program gives it, and reads the answer as that does.

LiteRT and Android are replaced by the declarations in tests/support/kotlin; they are not to be had where this runs.
"""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.input_format import InputFormat
from ofa_tf.tflite.lowering.targets import TARGETS
from ofa_tf.tflite.snippets.kotlin_program import kotlin_program
from ofa_tf.tflite.snippets.model_use import ModelUse, TensorUse
from ofa_tf.tflite.snippets.programs import write_program
from tests.support.kotlin_checks import check_guesses, check_input
from tests.support.kotlin_compiler import STAND_INS, compile_kotlin, has_kotlin, run_kotlin
from tests.support.model_uses import DOCUMENTED_MODEL
from tests.support.repository import ROOT
from tests.tflite.snippets.conftest import LABELS, ShipModel, load_program

_KINDS = ("float32", "zero_to_one", "int8", "uint8", "uint8_output", "probabilities")

needs_kotlin = pytest.mark.skipif(not has_kotlin(), reason="kotlinc or java is not installed")


@pytest.fixture(scope="module")
def program(ship_model: ShipModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program with the generated file of each kind of model, in a package of its own."""
    folder = tmp_path_factory.mktemp("kotlin")
    sources = []
    calls = []
    for kind in _KINDS:
        text = write_program(ship_model(kind), "kotlin")
        source = folder / f"{kind}.kt"
        source.write_text(text.replace("package com.example.classifier", f"package {kind}"), encoding="utf-8")
        sources.append(source)
        show = 'guesses.forEach { println("${it.share} ${it.label}") }'
        calls.append(
            f'        "{kind}" -> {{ val classifier = {kind}.Classifier(Context()); '
            f"{kind}.CameraClassifier(classifier) {{ guesses -> {show} }}.analyze(frame); classifier.close() }}"
        )
    main = folder / "Main.kt"
    template = (STAND_INS / "Main.kt.txt").read_text(encoding="utf-8")
    main.write_text(template.replace("__CALLS__", "\n".join(calls)), encoding="utf-8")
    compile_kotlin([*sources, main], folder / "program.jar")
    return folder / "program.jar"


def _answer(model: Path, values: np.ndarray) -> np.ndarray:
    """The model's own output for an input."""
    interpreter = Interpreter(model_path=str(model))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], values[np.newaxis])
    interpreter.invoke()
    (output,) = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
    return output


@needs_kotlin
@pytest.mark.long
@pytest.mark.parametrize("kind", _KINDS)
def test_the_camera_s_images_reach_the_model_and_its_answer_the_user(
    kind: str, program: Path, ship_model: ShipModel, pictures: dict[str, Path], tmp_path: Path
) -> None:
    model = ship_model(kind)
    python = load_program(model, tmp_path)
    for name, quarters in (("exact", 0), ("tall", 0), ("wide", 3), ("gray", 1)):
        upright = np.asarray(Image.open(pictures[name]).convert("RGB"))
        values = python.to_input(python.load_pixels(pictures[name]))
        output = _answer(model, values)
        frame = np.ascontiguousarray(np.rot90(upright, quarters))  # against the clock
        (tmp_path / "image.bin").write_bytes(frame.tobytes())
        (tmp_path / "output.bin").write_bytes(output.tobytes())
        height, width = frame.shape[:2]
        size = (str(height), str(width), str(90 * quarters))
        told = run_kotlin(program, "main.MainKt", kind, *size, folder=tmp_path)

        check_input(tmp_path / "input.bin", values)
        first, second, *guesses, last = told.splitlines()
        assert (first, second, last) == (f"model {kind}.tflite", "threads 1", "closed true")
        check_guesses(guesses, python.to_logits(output), LABELS)


def _blocks_of_the_document() -> list[str]:
    """The Kotlin files that docs/android.md shows."""
    text = (ROOT / "docs" / "android.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```kotlin\n(.*?)```", text, re.DOTALL)
    return [block for block in blocks if "\npackage " in f"\n{block}"]


def test_the_document_shows_what_is_written_for_its_model() -> None:
    classifier, activity = _blocks_of_the_document()
    assert classifier == kotlin_program(DOCUMENTED_MODEL)
    assert "CameraClassifier(classifier)" in activity


@needs_kotlin
@pytest.mark.long
def test_the_files_in_the_document_compile_together(tmp_path: Path) -> None:
    sources = []
    for number, block in enumerate(_blocks_of_the_document()):
        sources.append(tmp_path / f"Block{number}.kt")
        sources[-1].write_text(block, encoding="utf-8")
    compile_kotlin(sources, tmp_path / "program.jar")
    spoilt = sources[1].read_text().replace("it.share", "it.probability")
    sources[1].write_text(spoilt)
    with pytest.raises(AssertionError, match=r"(?i)unresolved reference"):
        compile_kotlin(sources, tmp_path / "program.jar")


def test_what_kotlin_cannot_hold_is_refused() -> None:
    tensor = TensorUse("int16", 0.001, 0)
    use = ModelUse("m.tflite", 24, ("a",), InputFormat(), tensor, tensor)
    with pytest.raises(InputError, match=r"Received: int16\. Export it with another --quantization"):
        kotlin_program(use)


def test_names_are_quoted_for_kotlin() -> None:
    tensor = TensorUse("float32")
    use = ModelUse("m.tflite", 24, ('say "$x\\"',), InputFormat(), tensor, tensor)
    assert '    "say \\"\\$x\\\\\\""\n' in kotlin_program(use)


def test_a_program_asks_for_the_hardware_that_the_model_is_for() -> None:
    for target, accelerators in (("cpu", "Accelerator.CPU"), ("gpu", "Accelerator.GPU, Accelerator.CPU")):
        use = dataclasses.replace(DOCUMENTED_MODEL, accelerators=TARGETS[target].accelerators)
        assert f"CompiledModel.Options({accelerators})" in kotlin_program(use)
    with pytest.raises(InputError, match=r"a model for phones, .* Export it with --target=cpu"):
        kotlin_program(dataclasses.replace(DOCUMENTED_MODEL, accelerators=TARGETS["mcu"].accelerators))
