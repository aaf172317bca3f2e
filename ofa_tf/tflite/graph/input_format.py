"""`InputFormat`: what a model takes as an image, and the step inside the model that normalises it."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph import nodes
from ofa_tf.tflite.graph.graph import INPUT, Graph, Node

NORMALIZED = "normalized"
UINT8 = "uint8"
INPUT_TYPES = (NORMALIZED, "float32", UINT8)


def check_input_type(input_type: str) -> None:
    """Check a type of input.

    Raises:
        InputError: If it is unknown.
    """
    if input_type not in INPUT_TYPES:
        raise InputError(
            f"Expected `input_type` to be one of {list(INPUT_TYPES)}. Received: input_type={input_type!r}."
        )


@dataclasses.dataclass(frozen=True)
class InputFormat:
    """What a model takes as an image.

    Args:
        input_type: `"normalized"`: what training gave the network;
            `"float32"`: red, green and blue from 0 to 1;
            `"uint8"`: from 0 to 255, as a camera gives them.
        mean: What normalisation subtracts from pixels of 0 to 255, one number a
            channel; not needed for `"normalized"`.
        std: What it then divides by.

    Raises:
        InputError: If `input_type` is unknown, or `mean` and `std` are missing or
            of different lengths, or a number of `std` is not positive.
    """

    input_type: str = NORMALIZED
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        check_input_type(self.input_type)
        has_normalization = bool(self.mean) and len(self.mean) == len(self.std)
        if self.input_type != NORMALIZED and not has_normalization:
            raise InputError(
                f"Expected `mean` and `std`, one number a channel, for input_type={self.input_type!r}. "
                f"Received: mean={self.mean}, std={self.std}."
            )
        if not all(number > 0 for number in self.std):
            raise InputError(f"Expected `std` to be above 0. Received: std={self.std}.")

    @classmethod
    def with_any_numbers(cls, input_type: str) -> "InputFormat":
        """A format with some normalization, for what depends on none of its numbers, such as latency and size."""
        return cls(input_type, mean=(127.5, 127.5, 127.5), std=(63.75, 63.75, 63.75))

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> "InputFormat":
        """The format that a model's metadata name; see `describe`."""
        normalization = facts.get("normalization") or {}
        return cls(
            input_type=facts.get("input_type", NORMALIZED),
            mean=tuple(normalization.get("mean") or ()),
            std=tuple(normalization.get("std") or ()),
        )

    @property
    def is_uint8(self) -> bool:
        """Whether the model takes whole numbers from 0 to 255."""
        return self.input_type == UINT8

    def denormalize(self, images: np.ndarray) -> np.ndarray:
        """Normalised images as the model takes them: float32, whole numbers for `"uint8"`."""
        images = np.asarray(images, np.float32)
        if self.input_type == NORMALIZED:
            return images
        pixels = images * _as_array(self.std) + _as_array(self.mean)
        if self.is_uint8:
            return np.clip(np.rint(pixels), 0, 255)
        return pixels / np.float32(255)

    def round(self, images: np.ndarray) -> np.ndarray:
        """Normalised images of which the model sees exactly this: those of a camera are whole numbers of pixels."""
        if not self.is_uint8:
            return np.asarray(images)
        pixels = self.denormalize(images)
        return (pixels - _as_array(self.mean)) / _as_array(self.std)

    def prepend_to(self, graph: Graph) -> Graph:
        """A graph that takes images of this format instead of normalised ones."""
        if self.input_type == NORMALIZED:
            return graph
        largest_pixel = 1.0 if self.input_type == "float32" else 255.0
        unit = 255.0 / largest_pixel
        center = np.array([-mean / unit for mean in self.mean], np.float32)
        factor = np.array([unit / std for std in self.std], np.float32)

        centered = nodes.add_constant(f"{INPUT}_centered", INPUT, center)
        normalized = nodes.scale(f"{INPUT}_normalized", centered.name, factor)

        moved = [_rename_input(node, normalized.name) for node in graph.nodes]
        return Graph(graph.input_shape, (centered, normalized, *moved))


def _rename_input(node: Node, name: str) -> Node:
    """The node taking the output of a node of this name where it took the graph's input."""
    inputs = tuple(name if source == INPUT else source for source in node.inputs)
    return dataclasses.replace(node, inputs=inputs)


def _as_array(values: tuple[float, ...]) -> np.ndarray:
    return np.asarray(values, np.float32)
