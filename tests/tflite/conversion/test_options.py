import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.quantization.modes import INT8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantization": "int4"}, r"`quantization` to be one of .*Received: quantization='int4'"),
        ({"target": "tpu"}, r"`target` to be one of \['cpu', .*\]. Received: target='tpu'"),
        ({"target": "gpu", "quantization": "int8"}, r"'gpu', .* one of \['none', 'float16'\]. Received: 'int8'"),
        (
            {"target": "npu", "quantization": "dynamic"},
            r"'npu', .* one of \['none', 'float16', 'int8', 'int16x8', 'qat'\]",
        ),
        ({"target": "mcu", "input_type": "uint8"}, r"float models of the target 'mcu', .*Received: input_type='uint8'"),
        ({"quantization": "int16x8", "input_type": "uint8"}, r"which takes int16. Received: input_type='uint8'"),
        ({"lowering": "folding"}, r"`lowering` to be of .*Received: 'folding'"),
        ({"num_representative_images": 0}, r"`num_representative_images` to be a whole .* at least 1. Received: .*=0"),
        ({"qat_epochs": 1.5}, r"`qat_epochs` to be a whole number of at least 1. Received: qat_epochs=1.5"),
        ({"qat_learning_rate": float("nan")}, r"to be in \(0, 1\). Received: qat_learning_rate=nan"),
        ({"max_accuracy_drop": 1.5}, r"`max_accuracy_drop` to be in \[0, 1\]. Received: max_accuracy_drop=1.5"),
    ],
)
def test_options_are_checked_at_once(changes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ExportOptions(**changes)


def test_microcontrollers_take_uint8_in_int8_models() -> None:
    assert ExportOptions("int8", target="mcu", input_type="uint8").target == "mcu"


def test_the_mode_is_that_of_the_name() -> None:
    assert ExportOptions("int8").mode is INT8
