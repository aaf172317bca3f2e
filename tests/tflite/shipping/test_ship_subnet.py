"""No model gets its name that does not compute what the network it was made from computes."""

import dataclasses
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.conversion import Conversion
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.graph.graph import Node
from ofa_tf.tflite.litert.metadata import read_metadata
from ofa_tf.tflite.litert.micro_arena import is_micro_installed
from ofa_tf.tflite.shipping import remedies
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.ship_subnet import ship
from ofa_tf.tflite.shipping.sidecar import load_sidecar

RUN = Conversion.run
NORMALIZATION = ((0.5,) * 3, (0.25,) * 3)


def test_a_good_model_is_written_with_all_that_is_known_of_it(
    subnet: keras.Model, data: ExportData, arch: Arch, tmp_path: Path
) -> None:
    path = tmp_path / "m.tflite"
    shipped = ship(subnet, arch, path, ExportOptions("int8", max_accuracy_drop=0.3), data)
    document, inside = load_sidecar(path), read_metadata(path)
    assert shipped["size_bytes"] == path.stat().st_size
    assert document["target"] == inside["target"] == "cpu"
    assert document["gate"]["num_partitions"] == 1
    assert document["gate"]["reference_top1"] == 1
    assert document["top1"] == shipped["top1"] > 0.7
    assert inside["class_names"] == document["class_names"] == list(data.class_names or ())
    assert inside["normalization"] == {"mean": [0.5] * 3, "std": [0.25] * 3}
    assert Arch.from_dict(inside["arch"]) == arch


def test_without_a_data_set_a_float_model_is_checked_on_random_images(
    subnet: keras.Model, arch: Arch, tmp_path: Path
) -> None:
    shipped = ship(subnet, arch, tmp_path / "m.tflite", ExportOptions(), ExportData(NORMALIZATION))
    assert shipped["top1"] is None
    assert shipped["gate"]["num_images"] > 0
    assert shipped["gate"]["max_relative_error"] < 1e-4


def _relabeled(data: ExportData, split: str) -> ExportData:
    """A data set whose labels of a split are all wrong; the other split's are right."""
    assert data.test_batches is not None
    right = list(data.test_batches())
    wrong = [(images, (labels + 1) % 10) for images, labels in right]
    batches = {"validation": right, "test": right, split: wrong}
    return dataclasses.replace(
        data, validation_batches=lambda: batches["validation"], test_batches=lambda: batches["test"]
    )


def test_validation_images_decide_and_test_images_report(
    subnet: keras.Model, data: ExportData, arch: Arch, tmp_path: Path
) -> None:
    options = ExportOptions("int8", max_accuracy_drop=0.3)
    shipped = ship(subnet, arch, tmp_path / "m.tflite", options, _relabeled(data, "test"))
    assert shipped["gate"]["decided_on"]["reference_top1"] == 1
    assert shipped["gate"]["reference_top1"] == 0
    assert shipped["top1"] == shipped["gate"]["top1"] < 0.3


def test_what_is_wrong_about_validation_images_only_is_not_written(
    subnet: keras.Model, data: ExportData, arch: Arch, tmp_path: Path
) -> None:
    assert data.test_batches is not None
    of_test = list(data.test_batches())
    asked = []

    def validation_batches() -> list:
        # What the network is asked first is not what the model is asked then.
        asked.append(len(asked))
        return [(images * (1 + 0.1 * len(asked)), labels) for images, labels in of_test]

    drifting = dataclasses.replace(data, validation_batches=validation_batches)
    with pytest.raises(InputError, match="its logits differ by"):
        ship(subnet, arch, tmp_path / "m.tflite", ExportOptions(), drifting)
    assert not (tmp_path / "m.tflite").exists()
    drifting = dataclasses.replace(data, validation_batches=lambda: of_test, test_batches=validation_batches)
    shipped = ship(subnet, arch, tmp_path / "m.tflite", ExportOptions(), drifting)
    assert shipped["gate"]["max_relative_error"] > 1e-4 > shipped["gate"]["decided_on"]["max_relative_error"]


@pytest.mark.parametrize("name", ["size_bytes", "peak_ram_bytes", "arena_bytes"])
def test_a_model_that_breaks_a_limit_is_not_written(
    name: str, subnet: keras.Model, data: ExportData, arch: Arch, tmp_path: Path
) -> None:
    if name == "arena_bytes" and not is_micro_installed():
        pytest.skip("tflite-micro is not installed")
    path = tmp_path / "m.tflite"
    options = ExportOptions(target="mcu")
    facts = ship(subnet, arch, path, options, data, limits={"macs": 1, "latency_ms": 1e-6})
    value = {**facts["gate"], **facts}[name]
    path.unlink()

    message = rf"limits of the search that found it\. Received: {name}={value:,} \(at most {value - 1:,}\)\. Search"
    with pytest.raises(InputError, match=message):
        ship(subnet, arch, path, options, data, limits={name: value - 1})
    assert not path.exists()
    ship(subnet, arch, path, options, data, limits={name: value})
    assert path.exists()


def _run_spoiled(conversion: Conversion) -> bytes:
    """A model with the output channels of one layer in another order."""

    def spoil(node: Node) -> list[Node]:
        if node.name != "stage2_block1_project_bn":
            return [node]
        return [node.with_weights(kernel=node.kernel[..., ::-1])]

    return RUN(dataclasses.replace(conversion, graph=conversion.graph.map(spoil)))


@pytest.mark.parametrize("quantization", ["none", pytest.param("int8", marks=pytest.mark.long)])
def test_a_model_that_computes_something_else_is_not_written(
    quantization: str,
    subnet: keras.Model,
    data: ExportData,
    arch: Arch,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Conversion, "run", _run_spoiled)
    (tmp_path / "m.tflite").write_bytes(b"an earlier model")
    rule = f"Expected the {quantization} model to agree with the network it was made from. Received: "
    with pytest.raises(
        InputError, match=f"{re.escape(rule)}.*most is added by stage2_block1_project_bn .*Nothing was written"
    ):
        ship(subnet, arch, tmp_path / "m.tflite", ExportOptions(quantization, max_accuracy_drop=0.0), data)
    assert [path.name for path in tmp_path.iterdir()] == ["m.tflite"]
    assert (tmp_path / "m.tflite").read_bytes() == b"an earlier model"


def test_a_network_that_gives_nan_is_not_written(
    subnet: keras.Model, data: ExportData, arch: Arch, tmp_path: Path
) -> None:
    broken = keras.models.clone_model(subnet)
    broken.set_weights(subnet.get_weights())
    broken.get_layer("stem_bn").gamma.assign(np.full(broken.get_layer("stem_bn").gamma.shape, np.nan))
    with pytest.raises(InputError, match=r"NaN or infinite ones from 'stem_bn'"):
        ship(broken, arch, tmp_path / "m.tflite", ExportOptions("int8"), data)
    for quantization in ("none", "float16"):
        with pytest.raises(InputError, match="not all of its logits are finite"):
            ship(broken, arch, tmp_path / "m.tflite", ExportOptions(quantization), ExportData(NORMALIZATION))
    assert list(tmp_path.iterdir()) == []


def _with_uneven_channels(subnet: keras.Model) -> keras.Model:
    """The same function, with channels up to 10,000 times as large as others, which int8 has too few steps for."""
    other = keras.models.clone_model(subnet)
    other.set_weights(subnet.get_weights())
    norm, conv = (other.get_layer(f"stage1_block1_{name}") for name in ("expand_bn", "depthwise_conv"))
    factor = 10 ** np.random.default_rng(0).uniform(-2, 2, norm.gamma.shape)
    norm.gamma.assign(norm.gamma * factor)
    norm.beta.assign(norm.beta * factor)
    conv.kernel.assign(conv.kernel / factor[:, np.newaxis])
    return other


def test_where_int8_falls_short_what_helps_is_done_and_recorded(
    subnet: keras.Model, data: ExportData, arch: Arch, tmp_path: Path
) -> None:
    uneven, options = _with_uneven_channels(subnet), ExportOptions("int8", max_accuracy_drop=0.3)
    shipped = ship(uneven, arch, tmp_path / "m.tflite", options, data)
    assert shipped["remedies"][0] == "channels equalized"
    assert load_sidecar(tmp_path / "m.tflite")["remedies"] == shipped["remedies"]
    assert shipped["top1"] >= 0.7


def test_where_nothing_else_helps_the_worst_layers_stay_float(
    subnet: keras.Model, data: ExportData, arch: Arch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remedies, "_REMEDIES", {})
    uneven, options = _with_uneven_channels(subnet), ExportOptions("int8", max_accuracy_drop=0.3)
    shipped = ship(uneven, arch, tmp_path / "m.tflite", options, data)
    (remedy,) = shipped["remedies"]
    assert re.fullmatch(r"\d+ of \d+ layers float", remedy)
    assert shipped["top1"] >= 0.7
    assert load_sidecar(tmp_path / "m.tflite")["remedies"] == [remedy]
