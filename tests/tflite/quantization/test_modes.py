"""What the modes and precisions are, as users and files know them."""

import subprocess
import sys
from typing import Any

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.quantization.modes import (
    INT8,
    NOT_QUANTIZED,
    QAT,
    QUANTIZATION_MODES,
    QuantizationMode,
    get_quantization_mode,
    modes_with_setting,
)
from ofa_tf.tflite.quantization.precisions import PRECISIONS, get_precision


@pytest.mark.parametrize(
    ("name", "bytes_per_weight", "activation_bits", "bytes_per_value", "needs_images", "can_take_uint8"),
    [
        ("none", 4, None, 4, False, True),
        ("float16", 2, None, 4, False, True),
        ("dynamic", 1, None, 4, False, True),
        ("int8", 1, 8, 1, True, True),
        ("int16x8", 1, 16, 2, True, False),
        ("qat", 1, 8, 1, True, True),
    ],
)
def test_modes_store_and_need_what_they_say(
    name: str,
    bytes_per_weight: int,
    activation_bits: int | None,
    bytes_per_value: int,
    needs_images: bool,
    can_take_uint8: bool,
) -> None:
    mode = get_quantization_mode(name)
    assert (mode.bytes_per_weight, mode.activation_bits) == (bytes_per_weight, activation_bits)
    assert mode.bytes_per_value == bytes_per_value
    assert (mode.needs_images, mode.can_take_uint8) == (needs_images, can_take_uint8)


def test_the_names_are_in_the_order_of_the_help() -> None:
    assert list(QUANTIZATION_MODES) == ["none", "float16", "dynamic", "int8", "int16x8", "qat"]
    assert list(PRECISIONS) == ["float32", "float16", "int8"]


def test_settings_are_heeded_by_some_modes_only() -> None:
    assert modes_with_setting("max_accuracy_drop") == ("float16", "dynamic", "int8", "int16x8", "qat")
    assert modes_with_setting("num_representative_images") == ("int8", "int16x8", "qat")
    assert modes_with_setting("qat_epochs") == modes_with_setting("qat_learning_rate") == ("qat",)


def test_one_mode_is_exact_one_is_mended_and_one_is_trained() -> None:
    modes = [QUANTIZATION_MODES[name] for name in QUANTIZATION_MODES]
    assert [mode for mode in modes if mode.is_exact] == [NOT_QUANTIZED]
    assert [mode for mode in modes if mode.may_be_mended] == [INT8]
    assert [mode for mode in modes if mode.needs_fine_tuning] == [QAT]


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"weight_bits": 4}, r"Received: \(4, None\)"),
        ({"weight_bits": 16, "activation_bits": 16}, r"Received: \(16, 16\)"),
        ({"weight_bits": 8, "activation_bits": 16, "needs_fine_tuning": True}, "Received: activation_bits=16"),
        ({"weight_bits": 8, "may_be_mended": True}, "Received: activation_bits=None"),
    ],
)
def test_a_mode_that_there_is_no_way_to_make_is_refused(properties: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        QuantizationMode(name="mine", **properties)


@pytest.mark.parametrize("name", ["int4", None, ["int8"]])
def test_other_names_are_refused(name: object) -> None:
    with pytest.raises(InputError, match=r"`quantization` to be one of \['none', .*'qat'\]. Received: quantization="):
        get_quantization_mode(name)  # type: ignore[arg-type]
    with pytest.raises(
        InputError, match=r"`precision` to be one of \['float32', 'float16', 'int8'\]. Received: precision="
    ):
        get_precision(f"no {name}")


def test_a_precision_holds_for_the_modes_that_compute_alike() -> None:
    holding = {
        precision: [mode for mode in QUANTIZATION_MODES if get_precision(precision).holds_for(QUANTIZATION_MODES[mode])]
        for precision in PRECISIONS
    }
    assert holding == {"float32": ["none"], "float16": ["float16"], "int8": ["int8", "qat"]}


def test_precisions_know_which_lowerings_pay() -> None:
    assert [name for name in PRECISIONS if PRECISIONS[name].has_integer_activations] == ["int8"]


def test_command_lines_are_checked_before_tensorflow_is_loaded() -> None:
    program = (
        "import sys, ofa_tf.tflite.conversion.options, ofa_tf.tflite.quantization.precisions, "
        "ofa_tf.tflite.shipping.sidecar, ofa_tf.tflite.footprint.footprint; "
        "assert not {'tensorflow', 'keras', 'ai_edge_litert'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
