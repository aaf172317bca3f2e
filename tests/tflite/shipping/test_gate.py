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
from ofa_tf.tflite.conversion.to_tflite import to_tflite
from ofa_tf.tflite.graph.graph import Node
from ofa_tf.tflite.litert.interpreter import TFLiteModel
from ofa_tf.tflite.litert.metadata import read_metadata
from ofa_tf.tflite.quantization.modes import get_quantization_mode
from ofa_tf.tflite.shipping import remedies
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.gate import GateReport, Reference, compare, find_fault
from ofa_tf.tflite.shipping.ship import ship
from ofa_tf.tflite.shipping.sidecar import load_sidecar

RUN = Conversion.run
NORMALIZATION = ((0.5,) * 3, (0.25,) * 3)


@pytest.fixture(scope="module")
def data(subnet: keras.Model, images: np.ndarray) -> ExportData:
    """The subnet's own answers are the labels: it is always right."""
    labels = np.asarray(subnet(images)).argmax(-1)
    return ExportData(
        NORMALIZATION,
        tuple(f"class {index}" for index in range(10)),
        lambda: [images],
        lambda: [(images[:5], labels[:5]), (images[5:], labels[5:])],
    )


@pytest.fixture(scope="module")
def report(subnet: keras.Model, float_model: bytes, data: ExportData, arch: Arch) -> GateReport:
    return compare(float_model, Reference.measure(subnet, data.held_out(arch)), data.held_out(arch))


def test_a_float_model_is_compared_number_by_number(
    report: GateReport, subnet: keras.Model, float_model: bytes, images: np.ndarray
) -> None:
    expected, actual = np.asarray(subnet(images), np.float64), TFLiteModel(float_model).predict(images)
    assert report.num_images == len(images)
    largest = np.abs(expected).max(-1, keepdims=True)
    assert report.max_relative_error == pytest.approx((np.abs(actual - expected) / largest).max())
    assert report.max_relative_error < 1e-4
    assert (report.agreement, report.top1, report.reference_top1) == (1, 1, 1)
    assert 0 <= report.mean_kl < 1e-6
    assert report.delegation.num_partitions == 1
    assert report.size_bytes == len(float_model)


def test_kl_is_that_of_the_definition(subnet: keras.Model, images: np.ndarray, data: ExportData, arch: Arch) -> None:
    content = to_tflite(subnet, "int8", [images])
    measured = compare(content, Reference.measure(subnet, data.held_out(arch)), data.held_out(arch)).mean_kl
    p, q = (np.exp(np.asarray(x, np.float64)) for x in (subnet(images), TFLiteModel(content).predict(images)))
    p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
    assert measured == pytest.approx((p * np.log(p / q)).sum(-1).mean())
    assert measured > 0


@pytest.mark.parametrize(
    ("quantization", "changes", "fault"),
    [
        ("none", {}, None),
        ("none", {"max_relative_error": 2e-4}, "its logits differ by 2.0e-04 of the largest (at most 1e-04)"),
        ("none", {"max_relative_error": float("nan")}, "not all of its logits are finite"),
        ("dynamic", {"top1": None, "max_relative_error": 0.9}, "its logits differ by 9.0e-01 of the largest"),
        ("float16", {"top1": None, "max_relative_error": 0.02}, "its logits differ by 2.0e-02 of the largest"),
        ("int8", {"mean_kl": float("inf")}, "not all of its logits are finite"),
        ("int8", {"max_relative_error": 0.3}, None),
        ("int8", {"top1": 0.99}, None),
        ("int8", {"top1": 0.98}, "top-1 fell from 100.00% to 98.00% on 12 images (at most 1 points), mean KL"),
        ("int8", {"top1": None}, None),
        ("float16", {"top1": float("nan")}, "top-1 fell"),
    ],
)
def test_faults_are_named_with_their_numbers(
    report: GateReport, quantization: str, changes: dict, fault: str | None
) -> None:
    changed, mode = dataclasses.replace(report, **changes), get_quantization_mode(quantization)
    found = find_fault(changed, mode, max_accuracy_drop=0.01)
    assert found is None if fault is None else found is not None and found.startswith(fault)


def test_other_images_than_the_references_are_refused(
    subnet: keras.Model, float_model: bytes, data: ExportData, arch: Arch
) -> None:
    reference = Reference.measure(subnet, data.held_out(arch))
    with pytest.raises(InputError, match=r"logits of shape \(12, 10\). Received: logits of shape \(5, 10\)"):
        compare(float_model, reference, list(data.held_out(arch))[:1])


def test_a_good_model_is_written_with_all_that_is_known_of_it(
    subnet: keras.Model, data: ExportData, arch: Arch, tmp_path: Path
) -> None:
    path = tmp_path / "m.tflite"
    shipped = ship(subnet, arch, path, ExportOptions("int8", max_accuracy_drop=0.3), data)
    document, inside = load_sidecar(path), read_metadata(path)
    assert shipped["size_bytes"] == path.stat().st_size
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
