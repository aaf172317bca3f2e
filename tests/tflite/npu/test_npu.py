"""Neural processors: which chips there are, what LiteRT's real plug-ins say of a model, and what is missing is told."""

import importlib.util
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.conversion.keras_to_tflite import to_tflite
from ofa_tf.tflite.litert.flatbuffer import pack_model, unpack_model
from ofa_tf.tflite.npu.compiler import check_compiler, compile_model, partition
from ofa_tf.tflite.npu.litert_plugins import soc_models
from ofa_tf.tflite.npu.operators import find_left, operator_lists
from ofa_tf.tflite.npu.socs import VENDORS, Soc, split_target

needs_openvino = pytest.mark.skipif(
    importlib.util.find_spec("openvino") is None, reason="needs `make install-openvino`"
)


@pytest.fixture
def intel() -> Soc:
    """The only chip whose plug-in needs no vendor's package that is downloaded from the vendor."""
    _, soc = split_target("npu:intel:PTL")
    assert soc is not None
    return soc


@pytest.fixture(scope="module")
def int8_model(subnet: keras.Model, images: np.ndarray) -> bytes:
    return to_tflite(subnet, "int8", [images], target="npu")


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_vendor_has_chips_by_the_names_of_litert(vendor: str) -> None:
    for model in soc_models(VENDORS[vendor].litert_name):
        _, soc = split_target(f"npu:{vendor}:{model}")
        assert soc == Soc(VENDORS[vendor], model)


def test_a_target_without_a_chip_is_left_as_it_is() -> None:
    assert split_target("npu") == ("npu", None)
    assert split_target("of a plug-in") == ("of a plug-in", None)


def test_chips_that_are_not_known_are_refused() -> None:
    with pytest.raises(InputError, match=r"Received: npu:qualcomm:SM1\. Of qualcomm it knows .*, SM8650, "):
        split_target("npu:qualcomm:SM1")
    for text in ("npu:nobody:SM8650", "npu:qualcomm", "npu:qualcomm:SM8650:1", "gpu:qualcomm:SM8650"):
        with pytest.raises(InputError, match=rf"npu:VENDOR:CHIP with a vendor of .*Received: {text}\."):
            split_target(text)


@needs_openvino
def test_a_plugin_takes_all_of_a_model(int8_model: bytes, intel: Soc) -> None:
    check_compiler(intel)
    partitions = partition(int8_model, intel)
    num_operators = len(unpack_model(int8_model).subgraphs[0].operators)
    assert partitions.num_taken == partitions.num_operators == num_operators
    assert partitions.num_partitions == 1
    assert partitions.in_words() == f"{num_operators} of {num_operators} operators, in 1 partition"


@needs_openvino
def test_what_a_plugin_leaves_is_counted(int8_model: bytes, intel: Soc) -> None:
    from ai_edge_litert import schema_py_generated as schema

    model = _with_operator(int8_model, schema.BuiltinOperator.MEAN, schema.BuiltinOperator.UNIQUE)
    partitions = partition(model, intel)
    num_means = _count(int8_model, schema.BuiltinOperator.MEAN)
    assert partitions.num_operators - partitions.num_taken == num_means > 0
    assert partitions.num_partitions > 1


@needs_openvino
def test_a_compiler_that_is_not_complete_says_what_is_missing(int8_model: bytes, intel: Soc, tmp_path: Path) -> None:
    """The package has Intel's plug-in and its library, but not the compiler for its neural processors."""
    output = tmp_path / "model.intel_PTL.tflite"
    with pytest.raises(InputError, match=r"take the model for PTL\. Received: \S*libopenvino_intel_npu_com"):
        compile_model(int8_model, intel, output)
    assert not list(tmp_path.iterdir())


def test_a_compiler_that_is_not_there_is_told(int8_model: bytes) -> None:
    soc = Soc(VENDORS["qualcomm"], "SM8650")
    with pytest.raises(InputError, match=r"Received: no Python module ai_edge_litert_sdk_qualcomm\. Install it"):
        check_compiler(soc)
    with pytest.raises(InputError, match=r"Received: libQnnHtp\.so: cannot open shared object file"):
        partition(int8_model, soc)


@pytest.mark.parametrize("quantization", ["none", "float16", "int8", "int16x8"])
def test_models_for_npus_have_operators_that_all_vendors_take(
    quantization: str, subnet: keras.Model, images: np.ndarray
) -> None:
    model = to_tflite(subnet, quantization, [images] if quantization.startswith("int") else None, target="npu")
    assert find_left(model) == {}


def test_operators_that_a_vendor_leaves_are_counted(int8_model: bytes) -> None:
    """MediaTek's list has no RELU6 of its own; Google's refuses few operators, which are no others'."""
    from ai_edge_litert import schema_py_generated as schema

    model = _with_operator(int8_model, schema.BuiltinOperator.HARD_SWISH, schema.BuiltinOperator.RELU6)
    left = find_left(model)
    assert left.keys() == {"mediatek", "intel"}
    assert left["mediatek"] == {"RELU6": _count(int8_model, schema.BuiltinOperator.HARD_SWISH)}
    model = _with_operator(int8_model, schema.BuiltinOperator.HARD_SWISH, schema.BuiltinOperator.UNIQUE)
    assert find_left(model).keys() == set(VENDORS)


@needs_openvino
@pytest.mark.parametrize("name", ["RELU6", "RELU", "UNIQUE", "LOGISTIC"])
def test_the_list_of_a_vendor_is_what_its_plugin_takes(name: str, int8_model: bytes, intel: Soc) -> None:
    from ai_edge_litert import schema_py_generated as schema

    model = _with_operator(int8_model, schema.BuiltinOperator.HARD_SWISH, getattr(schema.BuiltinOperator, name))
    partitions = partition(model, intel)
    num_left = sum(find_left(model).get("intel", {}).values())
    assert partitions.num_operators - partitions.num_taken == num_left


def test_all_vendors_have_a_list_with_its_source() -> None:
    assert list(operator_lists()) == list(VENDORS)
    for known in operator_lists().values():
        assert re.fullmatch(r"google-ai-edge/LiteRT \S+\.cc at [0-9a-f]{40}, read on 20\d\d-\d\d-\d\d", known.source)


def _with_operator(content: bytes, former: int, new: int) -> bytes:
    """A model with operators of one kind in the place of those of another, which need not be able to run."""
    model = unpack_model(content)
    for code in model.operatorCodes:
        if code.builtinCode == former:
            code.builtinCode = new
            code.deprecatedBuiltinCode = min(new, 127)
    for operator in model.subgraphs[0].operators:
        if model.operatorCodes[operator.opcodeIndex].builtinCode == new:
            operator.builtinOptions = None
            operator.builtinOptionsType = 0
    return pack_model(model)


def _count(content: bytes, kind: int) -> int:
    model = unpack_model(content)
    operators = model.subgraphs[0].operators
    return sum(model.operatorCodes[operator.opcodeIndex].builtinCode == kind for operator in operators)
