"""The Python program for an elastic file answers as each of its models does, and chooses as `ElasticModel` does."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.data.image_source import decode_rgb
from ofa_tf.data.preprocessing import evaluation_image
from ofa_tf.tflite.litert.elastic_model import ElasticModel
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.litert.metadata import add_own_metadata, read_metadata
from ofa_tf.tflite.snippets.programs import write_program
from tests.support.without_tensorflow import run_without_tensorflow
from tests.tflite.snippets.conftest import (
    ELASTIC_KINDS,
    KINDS,
    LABELS,
    LARGEST,
    load_program,
    own_choices,
    paces_of_a_phone,
)

_SMALLEST = next(iter(ELASTIC_KINDS))


def _own_logits(elastic_file: Path, signature: str, picture: Path) -> np.ndarray:
    """What the project's own steps from an image file to logits give."""
    model = TFLiteModel(elastic_file, signature=signature)
    _, crop_fraction = KINDS[ELASTIC_KINDS[signature]]
    image = decode_rgb(tf.io.read_file(str(picture)))
    pixels = evaluation_image(image, tf.constant(model.image_size), crop_fraction)
    (logits,) = model.predict(pixels.numpy()[np.newaxis])
    return logits


def _run(program: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(program), *arguments]
    return subprocess.run(command, cwd=program.parent, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture
def program(elastic_file: Path, tmp_path: Path) -> Path:
    """The program, beside the file."""
    path = tmp_path / "classify.py"
    path.write_text(write_program(elastic_file, "python"), encoding="utf-8")
    (tmp_path / elastic_file.name).symlink_to(elastic_file)
    return path


@pytest.mark.parametrize("signature", ELASTIC_KINDS)
def test_logits_of_each_signature_are_those_of_the_project(
    signature: str, elastic_file: Path, pictures: dict[str, Path], tmp_path: Path
) -> None:
    program = load_program(elastic_file, tmp_path)
    classifier = program.ElasticClassifier(str(elastic_file))
    for picture in pictures.values():
        expected = _own_logits(elastic_file, signature, picture)
        actual = classifier.classify(program.open_image(picture), signature)
        assert np.ptp(expected) > 0.01
        assert actual.argmax() == expected.argmax()
        np.testing.assert_allclose(actual, expected, atol=1e-4 * np.abs(expected).max())


def test_it_chooses_as_the_project_does(elastic_file: Path, tmp_path: Path) -> None:
    classifier = load_program(elastic_file, tmp_path).ElasticClassifier(str(elastic_file))
    paces = paces_of_a_phone(list(ELASTIC_KINDS))
    chosen = []
    for pace in paces:
        chosen.append(classifier.choose(pace.deadline_ms))
        classifier.note(chosen[-1], pace.took_ms[chosen[-1]])
    assert set(chosen) == set(ELASTIC_KINDS)
    assert chosen == own_choices(ElasticModel(elastic_file), paces)


def test_images_get_the_largest_model_that_keeps_the_deadline(
    program: Path, elastic_file: Path, pictures: dict[str, Path]
) -> None:
    def classify(*flags: str) -> list[str]:
        result = _run(program, *flags, *[str(pictures["tall"])] * 7)
        assert (result.returncode, result.stdout != "") == (0, True), result.stderr
        return re.findall(r"\.png, by (.*):\n *[\d.]+%  (.*)\n", result.stdout)

    answers = {}
    for signature in ELASTIC_KINDS:
        logits = _own_logits(elastic_file, signature, pictures["tall"])
        answers[signature] = (signature, LABELS[logits.argmax()])
    assert classify("--deadline_ms=1e9") == [answers[LARGEST]] * 7
    assert classify("--signature=zero_to_one") == [answers["zero_to_one"]] * 7
    # Nothing keeps this one: each model is tried once, and then the smallest runs.
    slowest_first = list(answers.values())[::-1]
    assert classify("--deadline_ms=1e-6") == [*slowest_first, answers[_SMALLEST], answers[_SMALLEST]]


def test_the_program_prints_the_likeliest_classes_first(
    program: Path, elastic_file: Path, pictures: dict[str, Path]
) -> None:
    result = _run(program, "--deadline_ms=1e9", str(pictures["exact"]))
    order = np.argsort(-_own_logits(elastic_file, LARGEST, pictures["exact"]), kind="stable")
    _, *lines = result.stdout.splitlines()
    assert [line.split("%  ")[1] for line in lines] == [LABELS[index] for index in order[:5]]


def test_the_program_tells_of_what_is_wrong_in_one_line(
    program: Path, pictures: dict[str, Path], float_model: bytes
) -> None:
    picture = str(pictures["exact"])
    other = program.with_name("other.tflite")
    other.write_bytes(float_model)
    wrong = {
        "above 0 ms, received -1": ("--deadline_ms=-1", picture),
        "missing.jpg": ("--deadline_ms=9", "missing.jpg"),
        "signature": ("--deadline_ms=9", f"--model={other}", picture),
        "one of the arguments --deadline_ms --signature is required": (picture,),
    }
    for words, arguments in wrong.items():
        result = _run(program, *arguments)
        assert result.returncode != 0
        assert words in result.stderr.splitlines()[-1]
        assert "error: " in result.stderr.splitlines()[-1]
        assert "Traceback" not in result.stderr


def test_the_program_needs_litert_numpy_and_pillow_only(program: Path) -> None:
    needed = set()
    for node in ast.walk(ast.parse(program.read_text())):
        if isinstance(node, ast.Import):
            needed.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            needed.add(str(node.module).split(".")[0])
    assert needed - sys.stdlib_module_names == {"ai_edge_litert", "numpy", "PIL"}


def test_what_is_not_known_of_one_model_is_said(elastic_file: Path, tmp_path: Path) -> None:
    facts = read_metadata(elastic_file)
    facts["signatures"][LARGEST]["preprocessing"] = None
    unknown = tmp_path / "unknown.tflite"
    unknown.write_bytes(add_own_metadata(elastic_file.read_bytes(), facts))
    for language in ("python", "kotlin"):
        assert "What was cut out of the test images is not known" in write_program(unknown, language)
        assert "not known" not in write_program(elastic_file, language)


@pytest.mark.parametrize("language", ["python", "kotlin"])
def test_the_tool_prints_it_without_tensorflow(language: str, elastic_file: Path) -> None:
    result = run_without_tensorflow("tools/to_tflite.py", f"--snippet={language}", f"--model={elastic_file}")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == write_program(elastic_file, language)
