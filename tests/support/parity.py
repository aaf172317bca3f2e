"""The outputs of the reference implementation, and the rule that generates the weights they belong to.

The arrays in tests/fixtures/parity were computed in float64 by the PyTorch implementation (once-for-all, commit
f03b267). No weights are stored: both sides generate them from their names.
"""

import itertools
import json
import zlib
from typing import Any

import numpy as np

from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from tests.support.repository import FIXTURES as ALL_FIXTURES

FIXTURES = ALL_FIXTURES / "parity"
SPACES = ("mobilenet_v3_w1.0", "mobilenet_v3_w1.2", "proxyless_w1.3", "resnet50d")
TOLERANCE = 1e-4  # of the largest value, in float32
_RESNET_BASE_DEPTHS = (2, 2, 4, 2)


def load(name: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The description of a fixture and its arrays."""
    with np.load(FIXTURES / f"{name}.npz") as arrays:
        return json.loads((FIXTURES / f"{name}.json").read_text()), dict(arrays)


def fill(name: str, shape: tuple[int, ...]) -> np.ndarray:
    """The weights of an entry of a state_dict."""
    noise = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape)
    leaf = name.rsplit(".", 1)[1]
    if leaf.endswith("_matrix"):
        return np.eye(shape[0]) + 0.05 * noise
    if leaf == "running_mean":
        return 0.1 * noise
    if leaf == "running_var":
        return 1.5 + 0.5 * np.tanh(noise)
    if leaf == "bias":
        return 0.1 * noise
    if len(shape) == 1:
        return 1 + 0.25 * np.tanh(noise)
    return noise * np.sqrt(2.0 / np.prod(shape[1:]))


def state_dict(description: dict[str, Any]) -> dict[str, np.ndarray]:
    """All weights of a fixture, float32."""
    return {name: fill(name, tuple(shape)).astype(np.float32) for name, shape in description["state_dict"]}


def images(seed: int, num: int, size: int) -> np.ndarray:
    """Images of a fixture, float32."""
    return np.random.default_rng(seed).standard_normal((num, size, size, 3)).astype(np.float32)


def to_arch(space: SearchSpace, values: dict[str, Any]) -> Arch:
    """An arch of the reference implementation, which counts depths in its own ways."""
    depths = list(values["depths"])
    if space.name.startswith("proxyless"):
        depths[-1] = 1  # its last stage has one block, whatever the entry
    if space.has_deep_stem:
        depths = [base + more for base, more in zip(_RESNET_BASE_DEPTHS, depths, strict=True)]
    fields = {name: values[name] for name in ("kernel_sizes", "width_multipliers", "stem_depth") if name in values}
    return Arch(space.name, values["image_size"], tuple(depths), expand_ratios=tuple(values["expand_ratios"]), **fields)


def assert_equal_outputs(actual: Any, expected: np.ndarray, tolerance: float = TOLERANCE) -> None:
    """Check the largest difference, relative to the largest value."""
    error = np.abs(np.asarray(actual, np.float64) - expected).max() / np.abs(expected).max()
    assert error <= tolerance, f"relative error {error:.1e}"


def bottleneck_state_dict(space: SearchSpace, arch: Arch, num_classes: int) -> dict[str, np.ndarray]:
    """Weights by the rule for a specialized network of bottleneck blocks, named as the reference does."""
    shapes: dict[str, tuple[int, ...]] = {}

    def add(prefix: str, shape: tuple[int, ...], normalization: str) -> None:
        shapes[f"{prefix}.weight"] = shape
        for leaf in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{normalization}.{leaf}"] = (shape[0],)

    stem, *blocks, head = space.plain_parts(arch).values()
    middle = stem.middle_channels
    add("input_stem.0.conv", (middle, 3, 3, 3), "input_stem.0.bn")
    if stem.depth:
        add("input_stem.1.conv.conv", (middle, middle, 3, 3), "input_stem.1.conv.bn")
    last = f"input_stem.{1 + stem.depth}"
    add(f"{last}.conv", (stem.out_channels, middle, 3, 3), f"{last}.bn")
    for index, block in enumerate(blocks):
        prefix, middle = f"blocks.{index}", block.middle_channels
        add(f"{prefix}.conv1.conv", (middle, block.in_channels, 1, 1), f"{prefix}.conv1.bn")
        add(f"{prefix}.conv2.conv", (middle, middle, 3, 3), f"{prefix}.conv2.bn")
        add(f"{prefix}.conv3.conv", (block.out_channels, middle, 1, 1), f"{prefix}.conv3.bn")
        if block.has_downsample:
            add(f"{prefix}.downsample.conv", (block.out_channels, block.in_channels, 1, 1), f"{prefix}.downsample.bn")
    shapes["classifier.linear.weight"] = (num_classes, head.in_channels)
    shapes["classifier.linear.bias"] = (num_classes,)
    return {name: fill(name, shape).astype(np.float32) for name, shape in shapes.items()}


def to_first_generation(name: str) -> str:
    """The name that a weight has in the older of the two kinds of published files."""
    return (
        name.replace(".conv.inverted", ".mobile_inverted_conv.inverted")
        .replace(".conv.depth_conv", ".mobile_inverted_conv.depth_conv")
        .replace(".conv.point_linear", ".mobile_inverted_conv.point_linear")
    )


def mobilenet_v3_state_dict(space: SearchSpace, num_classes: int) -> dict[str, np.ndarray]:
    """Weights by the rule for any space of MobileNetV3's kind, such as a small one."""
    shapes: dict[str, tuple[int, ...]] = {}

    def add(prefix: str, shape: tuple[int, ...], normalization: str = "") -> None:
        shapes[f"{prefix}.weight"] = shape
        if normalization:
            for leaf in ("weight", "bias", "running_mean", "running_var"):
                shapes[f"{normalization}.{leaf}"] = (shape[0],)

    add("first_conv.conv", (space.stem_width, 3, 3, 3), "first_conv.bn")
    for index, part in enumerate(space.parts[1:-1]):
        block, prefix = part.largest, f"blocks.{index}.conv"
        middle, kernel = block.middle_channels, block.kernel_size
        wrapper = "" if index == 0 else ".conv"  # around elastic convolutions and normalizations
        norm = "bn" if index == 0 else "bn.bn"
        if block.has_expand:
            name = f"{prefix}.inverted_bottleneck"
            add(f"{name}.conv{wrapper}", (middle, block.in_channels, 1, 1), f"{name}.{norm}")
        name = f"{prefix}.depth_conv"
        add(f"{name}.conv{wrapper}", (middle, 1, kernel, kernel), f"{name}.{norm}")
        sizes = sorted(set(part.values("kernel_size").flat))
        for smaller, larger in itertools.pairwise(sizes):
            shapes[f"{name}.conv.{larger}to{smaller}_matrix"] = (smaller**2, smaller**2)
        if block.squeeze_channels:
            squeezed = block.squeeze_channels
            for layer, out, into in (("reduce", squeezed, middle), ("expand", middle, squeezed)):
                add(f"{name}.se.fc.{layer}", (out, into, 1, 1))
                shapes[f"{name}.se.fc.{layer}.bias"] = (out,)
        name = f"{prefix}.point_linear"
        add(f"{name}.conv{wrapper}", (block.out_channels, middle, 1, 1), f"{name}.{norm}")
    add("final_expand_layer.conv", (space.feature_width, space.stages[-1].width, 1, 1), "final_expand_layer.bn")
    add("feature_mix_layer.conv", (space.head_width, space.feature_width, 1, 1))
    add("classifier.linear", (num_classes, space.head_width))
    shapes["classifier.linear.bias"] = (num_classes,)
    return {name: fill(name, shape).astype(np.float32) for name, shape in shapes.items()}
