"""What is said of an elastic file before it is made is true of the file."""

import numpy as np
import pytest

from ofa_tf.networks.calibration import calibrate_batch_norm
from ofa_tf.networks.extraction import extract_subnet
from ofa_tf.networks.supernet import build_supernet
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.footprint.family_size import family_bytes
from ofa_tf.tflite.footprint.footprint import Footprint, footprint_of_form
from ofa_tf.tflite.litert.merged_model import merge_models
from ofa_tf.tflite.quantization.model_form import ModelForm
from tests.support.spaces import MICRO

_NUM_CLASSES = 10
_FORM = ModelForm.of_names("int8")

# Scales of layers without batch normalization are shared, too, which is not predicted.
_LEAST_SHARE = 0.8


def _footprint() -> Footprint:
    return footprint_of_form(MICRO, _NUM_CLASSES, _FORM)


def _predicted(archs: list[Arch]) -> int:
    return family_bytes(MICRO, _footprint(), _FORM.mode, archs)


@pytest.mark.slow
def test_as_much_is_saved_as_is_said() -> None:
    """Beside files of their own, which have metadata that these have not."""
    supernet = build_supernet(MICRO, _NUM_CLASSES)
    rng = np.random.default_rng(0)
    archs = [MICRO.largest(MICRO.image_sizes[0]), MICRO.largest(), MICRO.smallest()]
    contents = {}
    for number, arch in enumerate(archs):
        images = rng.standard_normal((16, arch.image_size, arch.image_size, 3), dtype=np.float32)
        calibrate_batch_norm(supernet, [images], arch=arch)
        contents[str(number)] = to_tflite(extract_subnet(supernet, arch), "int8", [images])
    for count in (2, 3):
        some = {name: contents[name] for name in list(contents)[:count]}
        saved = sum(len(content) for content in some.values()) - len(merge_models(some))
        by_themselves = sum(int(size) for size in _footprint().size_bytes(archs[:count]))
        predicted = by_themselves - _predicted(archs[:count])
        assert _LEAST_SHARE * saved <= predicted <= saved


def test_only_what_is_equal_is_shared() -> None:
    large = MICRO.largest()
    of_one = _predicted([large])
    same_widths = _predicted([large, MICRO.largest(MICRO.image_sizes[0])])
    genes = MICRO.encode([large, MICRO.largest(MICRO.image_sizes[0])])
    genes[1, MICRO.layout.of_field("expand_ratios")] = 0
    other_widths = _predicted(MICRO.decode(genes))
    assert of_one < other_widths
    # A second model of the same widths costs its biases, scales and tables; one of others has weights of its own.
    assert same_widths - of_one < 0.5 * of_one
    own = int(_footprint().size_bytes(MICRO.decode(genes)[1]))
    assert other_widths - of_one > 0.5 * own
