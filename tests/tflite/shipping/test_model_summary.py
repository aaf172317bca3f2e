"""Ten lines say what a program needs to use a model, whether its sidecar is there or not."""

from pathlib import Path

import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.keras_to_tflite import prepare_conversion
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.litert.interpreter import TFLiteModel, create_undelegated_interpreter
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.layer_errors import layer_errors
from ofa_tf.tflite.shipping.mixed_precision import keep_named_float
from ofa_tf.tflite.shipping.model_summary import read_facts, summarize
from ofa_tf.tflite.shipping.ship_subnet import ship

_NORMALIZATION = ((123.0, 116.0, 103.0), (58.0, 57.0, 56.0))


@pytest.fixture(scope="module")
def model(subnet: keras.Model, arch: Arch, images: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "model.tflite"
    labels = np.arange(len(images)) % 10
    data = ExportData(
        _NORMALIZATION,
        class_names=[f"c{index}" for index in range(10)],
        representative_images=lambda: [images],
        validation_batches=lambda: [(images, labels)],
        test_batches=lambda: [(images, labels)],
    )
    options = ExportOptions("int8", max_accuracy_drop=1.0, float_layers=("stage5_*",), measures_layers=True)
    ship(subnet, arch, path, options, data)
    return path


def _lines(path: Path) -> dict[str, str]:
    rows = {}
    for line in summarize(path, read_facts(path)).splitlines():
        title, _, text = line.partition("  ")
        rows[title.strip()] = text.strip()
    return rows


def test_a_model_is_told_in_ten_lines(model: Path) -> None:
    lines = _lines(model)
    assert len(lines) == 10
    assert lines["model"].startswith("10 classes, a subnet of mobilenet_v3_tiny for 24 px, quantization int8")
    assert lines["file"] == f"model.tflite, {model.stat().st_size:,} bytes, for the target cpu"
    assert lines["classes"] == "c0, c1, c2, c3, c4, c5, c6, c7, c8, c9"
    assert "on 12 test images (network before conversion " in lines["accuracy"]
    assert lines["latency"] == "not known"


def test_who_runs_a_model_for_microcontrollers_is_told(model: Path) -> None:
    facts = {**read_facts(model), "target": "mcu"}
    told = summarize(model, facts)
    num_operators = facts["gate"]["num_operators"]
    assert f"TFLite Micro, {num_operators} operators; arena not measured" in told
    facts["gate"] = {**facts["gate"], "arena_bytes": 12345}
    assert f"TFLite Micro, {num_operators} operators; arena 12,345 bytes" in summarize(model, facts)
    assert "XNNPACK" not in told


def test_the_numbers_of_the_ten_lines_are_those_of_the_tensors(model: Path) -> None:
    tensors = TFLiteModel(model).describe_tensors()
    lines = _lines(model)
    scale, zero_point = tensors["input_tensor"]["scale"], tensors["input_tensor"]["zero_point"]
    sign = "-" if zero_point < 0 else "+"
    assert f"int8: x = (pixels - [123, 116, 103]) / [58, 57, 56]; q = round(x / {scale!r}) {sign}" in lines["input"]
    assert lines["output"].startswith("logits (1, 10) ")


def test_without_a_sidecar_the_accuracy_is_not_known(model: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.tflite"
    alone.write_bytes(model.read_bytes())
    assert _lines(alone)["accuracy"] == "not known: its sidecar does not lie beside it"
    assert _lines(alone)["input"] == _lines(model)["input"]


def test_layers_that_were_named_stay_float_and_errors_are_measured(model: Path) -> None:
    facts = read_facts(model)
    assert facts["float_layers"]
    assert all(name.startswith("stage5_") for name in facts["float_layers"])
    errors = {error["name"]: error["error"] for error in facts["layer_errors"]}
    chosen = [name for name in errors if name.startswith("stage5_")]
    assert set(chosen) <= set(facts["float_layers"])
    dtypes = _dtypes(model)
    assert all("float32" in dtypes[name] for name in chosen)
    assert dtypes["stage5_block1_depthwise_bn"] == {"float32"}
    assert "int8" in dtypes["stem_bn"]


def _dtypes(model: Path) -> dict[str, set[str]]:
    """The types of tensors, by the layers that they are called after."""
    dtypes: dict[str, set[str]] = {}
    for tensor in create_undelegated_interpreter(model.read_bytes()).get_tensor_details():
        for operation in tensor["name"].split(";"):
            dtypes.setdefault(operation.split("/")[0], set()).add(np.dtype(tensor["dtype"]).name)
    return dtypes


def test_a_damaged_sidecar_is_not_taken_for_none(model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.tflite"
    copy.write_bytes(model.read_bytes())
    copy.with_suffix(".json").write_text("{}")
    with pytest.raises(InputError, match=r"copy\.json"):
        read_facts(copy)


def test_a_pattern_that_no_layer_matches_is_told_with_names_that_there_are(
    subnet: keras.Model, images: np.ndarray
) -> None:
    conversion = prepare_conversion(subnet, "int8", [images])
    errors = layer_errors(conversion.graph, conversion.run(), images[:1])
    with pytest.raises(
        InputError, match=r"of the 1\d\d of the model, such as stem_.* Received: no_\*, which matches none"
    ):
        keep_named_float(conversion, ["no_*"], errors)


def test_who_runs_a_model_for_neural_processors_is_told(model: Path) -> None:
    facts = {**read_facts(model), "target": "npu", "left_by_npus": {"mediatek": {"RELU6": 2}}}
    told = summarize(model, facts)
    assert (
        "Left to the CPU by neural processors, by what their vendors' compilers list: mediatek 2 RELU6; on a CPU, "
        in told
    )
