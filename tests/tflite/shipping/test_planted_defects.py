"""Defects that a converter, a quantizer or somebody who changes this project might make: none passes the gate."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.space.arch import Arch
from ofa_tf.tflite.conversion.conversion import Conversion
from ofa_tf.tflite.conversion.options import ExportOptions
from ofa_tf.tflite.graph.graph import INPUT, Graph, Node
from ofa_tf.tflite.lowering.rewrites import LOWERINGS
from ofa_tf.tflite.shipping import remedies, ship_subnet
from ofa_tf.tflite.shipping.export_data import ExportData
from ofa_tf.tflite.shipping.ship_subnet import ship

pytestmark = pytest.mark.long

Spoil = Callable[[Graph], Graph]

_RUN = Conversion.run
_NUM_IMAGES = 60
_SHARE_OF_FIRST_CLASS = 0.9
_LOGIT_OF_ANSWER = 5.0


@pytest.fixture(scope="module")
def many_images() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((_NUM_IMAGES, 24, 24, 3), dtype=np.float32)


@pytest.fixture(scope="module")
def sure_subnet(subnet: keras.Model, many_images: np.ndarray) -> keras.Model:
    """The subnet with a classifier that is sure of every image; nine of ten are of the first class."""
    network = keras.models.clone_model(subnet)
    network.set_weights(subnet.get_weights())
    classifier = network.get_layer("classifier")
    to_features = keras.Model(network.inputs, classifier.input)
    features = np.asarray(to_features(many_images))
    rng = np.random.default_rng(2)
    classes = np.where(rng.random(_NUM_IMAGES) < _SHARE_OF_FIRST_CLASS, 0, rng.integers(1, 10, _NUM_IMAGES))
    wanted = _LOGIT_OF_ANSWER * np.eye(10)[classes]
    centered = features - features.mean(0)
    kernel = np.linalg.lstsq(centered, wanted - wanted.mean(0), rcond=1e-3)[0]
    classifier.set_weights([kernel, wanted.mean(0) - features.mean(0) @ kernel])
    return network


@pytest.fixture(scope="module")
def sure_data(sure_subnet: keras.Model, many_images: np.ndarray) -> ExportData:
    labels = np.asarray(sure_subnet(many_images)).argmax(-1)
    return ExportData(
        ((0.5,) * 3, (0.25,) * 3),
        representative_images=lambda: [many_images],
        validation_batches=lambda: [(many_images, labels)],
    )


def _changing(name: str, change: Callable[[Node], Node]) -> Spoil:
    """Change the node of a name."""

    def spoil(graph: Graph) -> Graph:
        (node,) = [node for node in graph.nodes if node.name == name]
        return graph.map(lambda other: [change(other)] if other is node else [other])

    return spoil


def _kernel(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Node], Node]:
    return lambda node: node.with_weights(kernel=np.ascontiguousarray(change(node.kernel), np.float32))


def _bias(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Node], Node]:
    return lambda node: node.with_weights(bias=np.ascontiguousarray(change(node.bias), np.float32))


def _without(name: str) -> Spoil:
    """Who takes a node's output takes its first input instead."""

    def spoil(graph: Graph) -> Graph:
        (source, *_) = next(node.inputs for node in graph.nodes if node.name == name)

        def replace(node: Node) -> list[Node]:
            if node.name == name:
                return []
            inputs = tuple(source if taken == name else taken for taken in node.inputs)
            return [dataclasses.replace(node, inputs=inputs)]

        return graph.map(replace)

    return spoil


def _second_input_of(name: str) -> Spoil:
    """An addition that forgets what it adds to."""

    def spoil(graph: Graph) -> Graph:
        def replace(node: Node) -> list[Node]:
            if node.name != name:
                return [node]
            _, second = node.inputs
            return [dataclasses.replace(node, inputs=(second, second))]

        return graph.map(replace)

    return spoil


_DEFECTS: dict[str, Spoil] = {
    "a constant answer": _changing("classifier", _kernel(np.zeros_like)),
    "two classes swapped": _changing(
        "classifier",
        lambda node: _bias(lambda bias: bias[[1, 0, *range(2, 10)]])(
            _kernel(lambda kernel: kernel[:, [1, 0, *range(2, 10)]])(node)
        ),
    ),
    "classes in another order": _changing(
        "classifier", lambda node: _bias(lambda bias: bias[::-1])(_kernel(lambda kernel: kernel[:, ::-1])(node))
    ),
    "logits twice as large": _changing(
        "classifier", lambda node: _bias(lambda bias: 2 * bias)(_kernel(lambda kernel: 2 * kernel)(node))
    ),
    "a class that is never the answer": _changing("classifier", _bias(lambda bias: bias - 20 * np.eye(10)[0])),
    "no bias of the classes": _changing("classifier", _bias(np.zeros_like)),
    "red and blue swapped": _changing("stem_bn", _kernel(lambda kernel: kernel[:, :, ::-1])),
    "a kernel turned": _changing("stem_bn", _kernel(lambda kernel: kernel[::-1, ::-1])),
    "a layer twice as strong": _changing("stage2_block1_project_bn", _kernel(lambda kernel: 2 * kernel)),
    "channels in another order": _changing("stage2_block1_project_bn", _kernel(lambda kernel: kernel[..., ::-1])),
    "half of a layer's channels lost": _changing(
        "stage3_block1_project_bn", _kernel(lambda kernel: kernel * (np.arange(kernel.shape[-1]) % 2))
    ),
    "no bias in a layer": _changing("stage1_block1_expand_bn", _bias(np.zeros_like)),
    "a shortcut missing": _second_input_of("stage3_block2_add"),
    "a whole layer missing": _without("stage4_block2_add"),
    "an activation missing": _without("stage4_block1_se_relu"),
    "no squeeze and excitation": _without("stage5_block1_se_multiply_unscaled_unscaled"),
    "a depthwise kernel shifted": _changing(
        "stage2_block1_depthwise_bn", _kernel(lambda kernel: np.roll(kernel, 1, axis=1))
    ),
    "a wrong padding": _changing(
        "stem_conv_pad",
        lambda node: dataclasses.replace(node, attributes={**node.attributes, "padding": ((0, 2), (0, 2))}),
    ),
    "a layer that gives nothing": _changing(
        "feature_bn", lambda node: _bias(np.zeros_like)(_kernel(np.zeros_like)(node))
    ),
}


def _ship(
    sure_subnet: keras.Model,
    arch: Arch,
    data: ExportData,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    max_accuracy_drop: float = 0.01,
) -> dict:
    # What helps int8 takes minutes, and is not what is looked at.
    monkeypatch.setattr(remedies, "_REMEDIES", {})
    monkeypatch.setattr(ship_subnet, "keep_float", lambda *_: [])
    options = ExportOptions("int8", max_accuracy_drop=max_accuracy_drop)
    return ship(sure_subnet, arch, folder / "m.tflite", options, data)


def test_a_good_model_passes(
    sure_subnet: keras.Model, arch: Arch, sure_data: ExportData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = _ship(sure_subnet, arch, sure_data, tmp_path, monkeypatch)
    assert shipped["gate"]["information"] > 0.1
    assert shipped["gate"]["mean_kl"] < 0.02


@pytest.mark.parametrize("defect", _DEFECTS)
def test_a_model_with_a_defect_is_told_by_its_answers(
    defect: str,
    sure_subnet: keras.Model,
    arch: Arch,
    sure_data: ExportData,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run_spoiled(conversion: Conversion) -> bytes:
        return _RUN(dataclasses.replace(conversion, graph=_DEFECTS[defect](conversion.graph)))

    monkeypatch.setattr(Conversion, "run", run_spoiled)
    with pytest.raises(InputError, match=r"its (answers|logits) differ from the network's by"):
        _ship(sure_subnet, arch, sure_data, tmp_path, monkeypatch)
    assert not list(tmp_path.iterdir())


def test_ranges_cut_to_a_quarter_are_told(
    sure_subnet: keras.Model, arch: Arch, sure_data: ExportData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_clipped(conversion: Conversion) -> bytes:
        ranges = {}
        for name, (low, high) in conversion.ranges.items():
            ranges[name] = (low, high) if name == INPUT else (low / 4, high / 4)
        return _RUN(dataclasses.replace(conversion, ranges=ranges))

    monkeypatch.setattr(Conversion, "run", run_clipped)
    with pytest.raises(InputError, match="its answers differ from the network's"):
        _ship(sure_subnet, arch, sure_data, tmp_path, monkeypatch)


def test_layers_left_to_slower_kernels_are_told(
    sure_subnet: keras.Model, arch: Arch, sure_data: ExportData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rewrite that is lost: the model says the same, and is slow."""
    monkeypatch.setitem(LOWERINGS, "hard_swish", lambda graph: graph)
    # Without the rewrite hard-swish is rounded more coarsely, at times more than is allowed by default.
    with pytest.raises(InputError, match=r"Expected LiteRT's XNNPACK to run all of .*\d+ HARD_SWISH outside of it"):
        _ship(sure_subnet, arch, sure_data, tmp_path, monkeypatch, max_accuracy_drop=0.5)
    assert not list(tmp_path.iterdir())
