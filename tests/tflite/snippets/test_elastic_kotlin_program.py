"""The Kotlin for an elastic file compiles, runs each signature as the Python program does, and chooses as it does.

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
from ofa_tf.tflite.litert.elastic_model import ElasticModel
from ofa_tf.tflite.lowering.targets import TARGETS
from ofa_tf.tflite.snippets.elastic_kotlin_program import elastic_kotlin_program
from ofa_tf.tflite.snippets.elastic_use import ElasticUse
from ofa_tf.tflite.snippets.model_use import TensorUse
from ofa_tf.tflite.snippets.programs import write_program
from tests.support.kotlin_checks import check_guesses, check_input
from tests.support.kotlin_compiler import STAND_INS, compile_kotlin, has_kotlin, run_kotlin
from tests.support.model_uses import DOCUMENTED_MODEL
from tests.support.repository import ROOT
from tests.tflite.snippets.conftest import (
    ELASTIC_KINDS,
    LABELS,
    LARGEST,
    load_program,
    own_choices,
    paces_of_a_phone,
)

_MAIN = "main.ElasticMainKt"

needs_kotlin = pytest.mark.skipif(not has_kotlin(), reason="kotlinc or java is not installed")
# Five exports and a compilation, which are made once for all tests of a process.
of_one_process = pytest.mark.xdist_group("elastic_kotlin")


@pytest.fixture(scope="module")
def program(elastic_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program with the generated file and the activity that the documents show."""
    folder = tmp_path_factory.mktemp("kotlin")
    texts = {
        "ElasticClassifier.kt": write_program(elastic_file, "kotlin"),
        "MainActivity.kt": _activity(),
        "ElasticMain.kt": (STAND_INS / "ElasticMain.kt.txt").read_text(encoding="utf-8"),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    compile_kotlin([folder / name for name in texts], folder / "program.jar")
    return folder / "program.jar"


def _activity() -> str:
    """The activity of docs/android.md, with the lines of docs/elastic.md in place of those that begin alike."""
    (activity,) = [block for block in _kotlin_blocks("android.md") if "class MainActivity" in block]
    (changes,) = _kotlin_blocks("elastic.md")
    for line in changes.splitlines():
        beginning, _, _ = line.partition("ElasticClassifier")
        activity, num_changed = re.subn(rf"^{re.escape(beginning)}.*", line, activity, flags=re.MULTILINE)
        assert num_changed == 1
    return activity


def _kotlin_blocks(document: str) -> list[str]:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    return re.findall(r"```kotlin\n(.*?)```", text, re.DOTALL)


def _answer(elastic_file: Path, signature: str, values: np.ndarray) -> np.ndarray:
    """What a model of the file gives for an input."""
    runner = Interpreter(model_path=str(elastic_file)).get_signature_runner(signature)
    (output,) = runner(images=values[np.newaxis])["scores"]
    return output


@needs_kotlin
@of_one_process
@pytest.mark.long
@pytest.mark.parametrize("signature", ELASTIC_KINDS)
def test_images_reach_each_model_and_its_answer_the_user(
    signature: str, program: Path, elastic_file: Path, pictures: dict[str, Path], tmp_path: Path
) -> None:
    python = load_program(elastic_file, tmp_path)
    use = python.SIGNATURES[signature]
    for name, quarters in (("tall", 0), ("wide", 3)):
        upright = np.asarray(Image.open(pictures[name]).convert("RGB"))
        pixels = python.resized_pixels(python.open_image(pictures[name]), use.image_size, use.crop_fraction)
        values = use.to_input(pixels)
        output = _answer(elastic_file, signature, values)
        frame = np.ascontiguousarray(np.rot90(upright, quarters))  # against the clock
        (tmp_path / "image.bin").write_bytes(frame.tobytes())
        (tmp_path / "output.bin").write_bytes(output.tobytes())
        size = (*map(str, frame.shape[:2]), str(90 * quarters))
        told = run_kotlin(program, _MAIN, "picture", *size, signature, folder=tmp_path)

        check_input(tmp_path / "input.bin", values)
        first, second, third, *guesses = told.splitlines()
        assert (first, second, third) == ("model elastic.tflite", "threads 1", f"signature {signature}")
        check_guesses(guesses, use.to_logits(output), LABELS)


@needs_kotlin
@of_one_process
@pytest.mark.long
def test_it_chooses_as_the_project_does(program: Path, elastic_file: Path, tmp_path: Path) -> None:
    paces = paces_of_a_phone(list(ELASTIC_KINDS))
    lines = []
    for pace in paces:
        words = [str(pace.deadline_ms)]
        for signature, took_ms in pace.took_ms.items():
            words += [signature, str(took_ms)]
        lines.append("\t".join(words))
    (tmp_path / "runs.txt").write_text("\n".join(lines), encoding="utf-8")
    told = run_kotlin(program, _MAIN, "choices", folder=tmp_path).splitlines()
    chosen = [line.removeprefix("chosen ") for line in told if line.startswith("chosen ")]
    assert set(chosen) == set(ELASTIC_KINDS)
    assert chosen == own_choices(ElasticModel(elastic_file), paces)


@needs_kotlin
@of_one_process
@pytest.mark.long
def test_the_camera_s_images_get_the_largest_model_that_keeps_the_deadline(program: Path, tmp_path: Path) -> None:
    (tmp_path / "image.bin").write_bytes(bytes(8 * 8 * 3))
    (tmp_path / "output.bin").write_bytes(bytes(4 * len(LABELS)))  # zeros of any type
    for deadline_ms, expected in (("1e9", [LARGEST] * 7), ("1e-6", [*list(ELASTIC_KINDS)[::-1], "uint8", "uint8"])):
        told = run_kotlin(program, _MAIN, "camera", "8", "8", "0", deadline_ms, "7", folder=tmp_path).splitlines()
        for word in ("chosen ", "signature "):
            assert [line.removeprefix(word) for line in told if line.startswith(word)] == expected


def test_what_one_model_cannot_be_used_for_is_refused() -> None:
    int16 = dataclasses.replace(DOCUMENTED_MODEL, output_tensor=TensorUse("int16", 0.001, 0))
    with pytest.raises(InputError, match=r"Received: int16\. Export it with another --quantization"):
        elastic_kotlin_program(ElasticUse({"small": DOCUMENTED_MODEL, "large": int16}))
    mcu = dataclasses.replace(DOCUMENTED_MODEL, accelerators=TARGETS["mcu"].accelerators)
    with pytest.raises(InputError, match=r"a model for phones, .* Export it with --target=cpu"):
        elastic_kotlin_program(ElasticUse({"small": mcu}))
