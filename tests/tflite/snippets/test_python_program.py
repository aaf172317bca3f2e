"""The Python program sees images and answers as the project itself does."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ofa_tf.data.image_source import decode_rgb
from ofa_tf.data.preprocessing import evaluation_image
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.litert.metadata import add_metadata, read_metadata
from ofa_tf.tflite.snippets.programs import write_program
from tests.tflite.snippets.conftest import KINDS, LABELS, ShipModel, load_program


def _write(model: Path, folder: Path) -> Path:
    path = folder / "classify.py"
    path.write_text(write_program(model, "python"), encoding="utf-8")
    return path


def _own_logits(model: Path, picture: Path, crop_fraction: float | None) -> np.ndarray:
    """What the project's own steps from an image file to logits give."""
    image = decode_rgb(tf.io.read_file(str(picture)))
    tflite_model = TFLiteModel(model)
    pixels = evaluation_image(image, tf.constant(tflite_model.image_size), crop_fraction)
    (logits,) = tflite_model.predict(pixels.numpy()[np.newaxis])
    return logits


@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_those_of_the_project(
    kind: str, ship_model: ShipModel, pictures: dict[str, Path], tmp_path: Path
) -> None:
    model = ship_model(kind)
    program = load_program(model, tmp_path)
    for picture in pictures.values():
        expected = _own_logits(model, picture, KINDS[kind][1])
        actual = program.classify(picture, str(model))
        assert np.ptp(expected) > 0.01
        # A pixel that lies between two 16-bit numbers may become either.
        tolerance = 1e-3 if kind == "int16x8" else 1e-4
        np.testing.assert_allclose(actual, expected, atol=tolerance * np.abs(expected).max())


def test_the_crop_is_of_the_middle(ship_model: ShipModel, pictures: dict[str, Path], tmp_path: Path) -> None:
    program = load_program(ship_model("zero_to_one"), tmp_path)
    cropped = program.load_pixels(pictures["tall"])
    program.CROP_FRACTION = None
    whole = program.load_pixels(pictures["tall"])
    assert np.abs(cropped - whole).max() > 10


def test_the_program_prints_the_likeliest_classes_first(
    ship_model: ShipModel, pictures: dict[str, Path], tmp_path: Path
) -> None:
    model = ship_model("float32")
    program = _write(model, tmp_path)
    command = [sys.executable, str(program), str(pictures["exact"]), str(model)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    order = np.argsort(-_own_logits(model, pictures["exact"], None))
    lines = result.stdout.splitlines()
    assert [line.split("%  ")[1] for line in lines] == [LABELS[index] for index in order[:5]]
    shares = [float(line.split("%")[0]) for line in lines]
    assert shares == sorted(shares, reverse=True)
    assert 0 < sum(shares) <= 100

    usage = subprocess.run(command[:2], capture_output=True, text=True, timeout=100, check=False)
    assert (usage.returncode, usage.stderr) == (1, "usage: python classify.py IMAGE [MODEL]\n")


def test_the_program_tells_of_a_wrong_file_in_one_line(ship_model: ShipModel, tmp_path: Path) -> None:
    model = ship_model("float32")
    program = _write(model, tmp_path)
    (tmp_path / "notes.txt").write_text("no image")
    for name in ("missing.jpg", "notes.txt"):
        command = [sys.executable, str(program), name, str(model)]
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
        assert result.returncode == 1
        lines = [line for line in result.stderr.splitlines() if name in line]
        assert [line.startswith("error: ") for line in lines] == [True]
        assert "Traceback" not in result.stderr


def test_a_photo_that_was_stored_sideways_is_turned_upright(ship_model: ShipModel, tmp_path: Path) -> None:
    program = load_program(ship_model("float32"), tmp_path)
    upright = np.random.default_rng(1).integers(0, 256, (24, 24, 3), np.uint8)
    exif = Image.Exif()
    exif[274] = 6  # Orientation: to be turned by 90 degrees, clockwise
    stored = Image.fromarray(np.rot90(upright))
    stored.save(tmp_path / "stored.png", exif=exif)
    np.testing.assert_allclose(program.load_pixels(tmp_path / "stored.png"), upright, atol=1e-3)


def test_a_model_of_an_earlier_version_does_not_say_what_is_cut_out(ship_model: ShipModel, tmp_path: Path) -> None:
    model = ship_model("float32")
    facts = read_metadata(model)
    facts.pop("preprocessing")
    facts["class_names"] = None
    earlier = tmp_path / "earlier.tflite"
    earlier.write_bytes(add_metadata(model.read_bytes(), facts))
    text = write_program(earlier, "python")
    assert "# What was cut out of the test images is not known" in text
    assert re.search(r"^CROP_FRACTION = None ", text, re.MULTILINE)
    assert [f"class {index}" for index in range(10)] == load_program(earlier, tmp_path).LABELS
    assert "not known" not in write_program(model, "python")
