import dataclasses
import pickle
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.pretrained.importers import import_subnet, import_supernet, plain_name
from ofa_tf.pretrained.net_config import arch_from_net_config
from ofa_tf.pretrained.state_dict import read_state_dict
from ofa_tf.space.blocks.stage import Stage
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from tests.support import parity
from tests.support.fused_mbconv import FusedMBConv
from tests.support.networks import images
from tests.support.spaces import BOTTLENECKS, SMALL

Tensors = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def tensors() -> Tensors:
    return parity.mobilenet_v3_state_dict(SMALL, 2)


def test_the_small_description_names_what_the_reference_names() -> None:
    space = get_search_space("mobilenet_v3_w1.0")
    description, _ = parity.load(space.name)
    expected = {name: tuple(shape) for name, shape in description["state_dict"]}
    named = {name: value.shape for name, value in parity.mobilenet_v3_state_dict(space, 1000).items()}
    assert named == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("blocks.1.mobile_inverted_conv.depth_conv.conv.conv.weight", "blocks.1.conv.depth_conv.conv.weight"),
        ("blocks.1.conv.depth_conv.bn.bn.running_var", "blocks.1.conv.depth_conv.bn.running_var"),
        ("blocks.1.conv.depth_conv.conv.7to5_matrix", "blocks.1.conv.depth_conv.conv.7to5_matrix"),
        ("input_stem.1.conv.conv.conv.weight", "input_stem.1.conv.weight"),
        ("classifier.linear.linear.bias", "classifier.linear.bias"),
        ("first_conv.conv.weight", "first_conv.conv.weight"),
    ],
)
def test_names_of_both_generations_become_the_same(name: str, expected: str) -> None:
    assert plain_name(name) == expected


def test_both_generations_give_the_same_network(tensors: Tensors) -> None:
    older = {parity.to_first_generation(name): value for name, value in tensors.items()}
    assert set(older) != set(tensors)
    older["blocks.0.conv.depth_conv.bn.num_batches_tracked"] = np.array(7)
    batch = images(num=2, size=32)
    first, second = (import_supernet(SMALL, weights)(batch, SMALL.smallest()) for weights in (tensors, older))
    np.testing.assert_array_equal(first, second)


def _without(name: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {key: value for key, value in tensors.items() if key != name}


def _with(name: str, value: np.ndarray) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {**tensors, name: value}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without("first_conv.bn.bias"), "Received: 1 missing: first_conv.bn.bias. Check that they are of the search"),
        (_with("extra.weight", np.zeros(3)), "Received: 1 left over: extra.weight. Check that"),
        (
            _with("feature_mix_layer.conv.weight", np.zeros((64, 32, 1, 1))),
            "1 of another shape: feature_mix_layer.conv.weight (64, 32, 1, 1) instead of (64, 64, 1, 1)",
        ),
        (_with("first_conv.bn.running_var", np.full(16, np.nan)), "NaN or infinity in first_conv.bn.running_var"),
        (_with("first_conv.bn.running_var", np.full(16, 1e39)), "NaN or infinity in first_conv.bn.running_var"),
        (_without("classifier.linear.bias"), "Expected the state_dict of a once-for-all network"),
        (_with("classifier.linear.bias", np.array(0.0)), "with a vector classifier.linear.bias"),
        (_with("classifier.linear.linear.bias", np.zeros(2)), "Received: classifier.linear.bias under two names"),
    ],
)
def test_weights_that_do_not_fit_are_named(tensors: Tensors, change: Callable, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        import_supernet(SMALL, change(tensors))


def test_weights_of_another_space_are_refused(tensors: Tensors) -> None:
    with pytest.raises(InputError, match=r"\d+ missing: .*; \d+ of another shape: .*Check that they"):
        import_supernet(get_search_space("mobilenet_v3_tiny"), tensors)


def test_a_block_type_without_published_weights_is_refused(tensors: Tensors) -> None:
    stage = Stage(8, 1, "relu", depths=(1,), expand_ratios=(2,), block_type=FusedMBConv.type_name)
    space = SearchSpace(name="fused", image_sizes=(16,), stem_width=8, stages=(stage,))
    message = "space with published weights. Received: fused, whose stage1_block1 is of part type 'test_fused_mbconv'"
    with pytest.raises(InputError, match=message):
        import_supernet(space, tensors)
    with pytest.raises(InputError, match=message):
        import_subnet(space, space.largest(), 16, tensors)


@pytest.mark.parametrize("stem_depth", [0, 1])
def test_a_specialized_network_is_numbered_by_the_layers_it_has(stem_depth: int) -> None:
    arch = dataclasses.replace(BOTTLENECKS.smallest(), stem_depth=stem_depth)
    weights = parity.bottleneck_state_dict(BOTTLENECKS, arch, 3)
    subnet = import_subnet(BOTTLENECKS, arch, 33, weights)
    assert f"input_stem.{stem_depth + 1}.conv.weight" in weights
    kernel = weights[f"input_stem.{stem_depth + 1}.conv.weight"]
    np.testing.assert_array_equal(subnet.get_layer("stem_conv3").kernel, kernel.transpose(2, 3, 1, 0))


def test_the_bottleneck_description_names_what_the_reference_names() -> None:
    space = get_search_space("resnet50d")
    description, _ = parity.load("specialized_resnet50d_1")
    arch = parity.to_arch(space, {**description["arch"], "image_size": 224})
    named = {name: value.shape for name, value in parity.bottleneck_state_dict(space, arch, 1000).items()}
    assert named == {name: tuple(shape) for name, shape in description["state_dict"]}


# --- net.config ------------------------------------------------------------


def _set(*path: Any, value: Any) -> Callable[[dict], None]:
    """A change of one entry of a document."""

    def change(document: dict) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return change


def test_a_net_config_of_the_older_form_is_read() -> None:
    document = parity.load("specialized_mobilenet_v3_w1.0_1")[0]["net_config"]
    expected = arch_from_net_config(document)
    for block in document["blocks"]:
        conv = block.pop("conv")
        conv["mid_channels"] = None
        del conv["groups"]
        block["mobile_inverted_conv"] = conv
    del document["bn"]["ws_eps"]
    assert arch_from_net_config(document) == expected


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("resnet50d", _set("blocks", 0, "downsample_mode", value="conv"), "Received: a ResNets of"),
        ("resnet50d", _set("blocks", 1, "act_func", value="h_swish"), "Received: a ResNets of"),
        ("resnet50d", _set("blocks", 4, "in_channels", value=256), "Received: a ResNets of"),
        ("resnet50d", _set("input_stem", 2, "kernel_size", value=5), "Received: a malformed one"),
        ("resnet50d", _set("bn", "eps", value=0.5), "eps 1e-05, no weight standardization. Received: bn={'mom"),
        ("mobilenet_v3_w1.0", _set("bn", "ws_eps", value=1e-5), "no weight standardization. Received: bn={'mom"),
        ("mobilenet_v3_w1.0", _set("first_conv", "kernel_size", value=5), "Received: a MobileNetV3 of"),
        ("mobilenet_v3_w1.0", _set("blocks", 1, "conv", "use_se", value=True), "Received: a MobileNetV3 of"),
        ("mobilenet_v3_w1.0", _set("blocks", 1, "conv", "mid_channels", value=None), None),
        ("mobilenet_v3_w1.0", _set("blocks", 1, "conv", value=[]), "Received: a malformed one"),
        ("mobilenet_v3_w1.0", _set("blocks", value=[]), "Received: a MobileNetV3 of 0 blocks that is none"),
        ("mobilenet_v3_w1.0", _set("name", value="ResNets"), "Received: one without 'input_stem'."),
    ],
)
def test_a_net_config_of_another_network_is_refused(name: str, change: Callable, message: str | None) -> None:
    document = parity.load(f"specialized_{name}_1")[0]["net_config"]
    expected = arch_from_net_config(document)
    change(document)
    if message is None:
        assert arch_from_net_config(document) == expected
        return
    with pytest.raises(InputError, match=re.escape(message)):
        arch_from_net_config(document)


def test_an_infinite_expand_ratio_is_refused() -> None:
    document = parity.load("specialized_mobilenet_v3_w1.0_1")[0]["net_config"]
    document["blocks"][1]["conv"] |= {"mid_channels": None, "expand_ratio": float("inf")}
    with pytest.raises(InputError, match="Received: a malformed one"):
        arch_from_net_config(document)


# --- files -----------------------------------------------------------------


def test_npz_files_are_read(tensors: Tensors, tmp_path: Path) -> None:
    np.savez(tmp_path / "weights.npz", **tensors)
    read = read_state_dict(tmp_path / "weights.npz")
    assert set(read) == set(tensors)
    np.testing.assert_array_equal(read["classifier.linear.weight"], tensors["classifier.linear.weight"])


def test_a_truncated_npz_file_is_named(tensors: Tensors, tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    np.savez(path, **tensors)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=rf"Expected {re.escape(str(path))} to be a complete file"):
        read_state_dict(path)


def test_an_npz_file_with_objects_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    np.savez(path, bad=np.array([_Evil(tmp_path / "evidence")], object))
    with pytest.raises(InputError, match="to hold arrays of numbers"):
        read_state_dict(path)
    assert not (tmp_path / "evidence").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Expected a checkpoint at .*none.pth. Received: no such file"):
        read_state_dict(tmp_path / "none.pth")


class _Evil:
    """Leaves evidence when it is unpickled."""

    def __init__(self, evidence: Path) -> None:
        self._evidence = evidence

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self._evidence,))


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("is_wrapped", [True, False])
def test_files_of_pytorch_are_read(tensors: Tensors, tmp_path: Path, is_zip: bool, is_wrapped: bool) -> None:
    torch = pytest.importorskip("torch")
    state = {name: torch.from_numpy(value.copy()) for name, value in tensors.items()}
    state["blocks.0.conv.depth_conv.bn.num_batches_tracked"] = torch.tensor(7)
    document = {"state_dict": state} if is_wrapped else state
    torch.save(document, tmp_path / "weights.pth", _use_new_zipfile_serialization=is_zip)
    read = read_state_dict(tmp_path / "weights.pth")
    assert set(read) == set(state)
    for name, value in tensors.items():
        np.testing.assert_array_equal(read[name], value)


@pytest.mark.parametrize("is_zip", [True, False], ids=["zip", "legacy"])
def test_truncated_files_of_pytorch_are_named(tensors: Tensors, tmp_path: Path, is_zip: bool) -> None:
    torch = pytest.importorskip("torch")
    path = tmp_path / "weights.pth"
    state = {name: torch.from_numpy(value.copy()) for name, value in tensors.items()}
    torch.save(state, path, _use_new_zipfile_serialization=is_zip)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=rf"Expected {re.escape(str(path))} to be a complete file of PyTorch"):
        read_state_dict(path)


@pytest.mark.parametrize(
    ("protocol", "reason"), [(2, r"one that asks to run \S+"), (4, "a damaged one, or one of something else")]
)
def test_a_pickle_that_tries_to_execute_code_is_refused_and_executes_nothing(
    tmp_path: Path, protocol: int, reason: str
) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps({"weight": _Evil(tmp_path / "evidence")}, protocol))
    with pytest.raises(InputError, match=rf"holds weights only\. Received: {reason}\. Download") as raised:
        read_state_dict(path)
    assert "\x1b" not in str(raised.value)
    assert not (tmp_path / "evidence").exists()
    pickle.loads(path.read_bytes())  # so the check can fail
    assert (tmp_path / "evidence").exists()


@pytest.mark.parametrize("content", [b"<!DOCTYPE html>", b"version https://git-lfs.github.com/spec/v1", b""])
def test_a_file_of_something_else_is_refused_before_pytorch_is_needed(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(
        InputError, match=rf"or an .npz\. Received: one that begins with {re.escape(repr(content[:2]))}"
    ):
        read_state_dict(path)


@pytest.mark.parametrize("content", [b"\x80\x02 and no pickle", b"PK\x03\x04 and no archive"])
def test_a_damaged_file_is_refused_without_advice_to_load_it_unsafely(tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("torch")
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"holds weights only\. Received: a damaged one") as raised:
        read_state_dict(path)
    assert "weights_only" not in str(raised.value)


def test_a_folder_is_not_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Received: a folder\. Where the published ones are"):
        read_state_dict(tmp_path)


def test_sparse_and_complex_tensors_are_refused(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    for value in (torch.eye(2).to_sparse(), torch.ones(2, dtype=torch.complex64)):
        torch.save({"weight": value}, tmp_path / "weights.pth")
        with pytest.raises(InputError, match=r"to hold named weights\. Received: other things \(weight\)"):
            read_state_dict(tmp_path / "weights.pth")


def test_without_pytorch_the_message_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "weights.pth").write_bytes(b"PK")
    with pytest.raises(
        InputError, match=r"pip install -c constraints.txt -e .\[pytorch\], or save the weights as .npz"
    ):
        read_state_dict(tmp_path / "weights.pth")
