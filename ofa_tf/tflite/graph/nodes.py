"""Nodes of the simple operations, each made by a function of its own; `Node` says what they compute."""

from typing import Any

import numpy as np

from ofa_tf.tflite.graph.graph import Node

Borders = tuple[tuple[int, int], tuple[int, int]]  # (top, bottom), (left, right), pixels


def activation(name: str, source: str, function: str) -> Node:
    """An activation function of what a node gives."""
    return Node(name, "activation", (source,), {"function": function})


def scale(name: str, source: str, factor: float | np.ndarray) -> Node:
    """Multiplication by one number, or by one a channel."""
    return Node(name, "scale", (source,), {"factor": factor})


def add_constant(name: str, source: str, constant: Any) -> Node:
    """Addition of one number, or of one a channel."""
    return Node(name, "add_constant", (source,), weights={"constant": constant})


def add(name: str, first: str, second: str) -> Node:
    """The sum of what two nodes give."""
    return Node(name, "add", (first, second))


def multiply(name: str, first: str, second: str) -> Node:
    """The product of what two nodes give."""
    return Node(name, "multiply", (first, second))


def pad(name: str, source: str, padding: Borders) -> Node:
    """Zeros around an image."""
    return Node(name, "pad", (source,), {"padding": padding})


def crop(name: str, source: str, cropping: Borders) -> Node:
    """An image without its borders."""
    return Node(name, "crop", (source,), {"cropping": cropping})
