"""Mixed precision: the layers that a user names, or that int8 serves worst, stay float."""

import dataclasses
import fnmatch
from collections.abc import Collection, Iterator, Sequence

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.conversion.conversion import Conversion
from ofa_tf.tflite.graph.graph import INPUT, KEEPS_RANGE, Graph
from ofa_tf.tflite.shipping.layer_errors import LayerError

_LARGEST_FLOAT_SHARE = 1 / 4  # of the layers that are chosen for their error
_NUM_NAMES_TOLD = 3  # of layers, by a message about one that there is not


def keep_float(
    conversion: Conversion,
    errors: Sequence[LayerError],
) -> Iterator[Conversion]:
    """Leave ever more layers float, those first to which int8 adds most error.

    What such a layer takes stays float, too: often it is there that the error is,
    in channels too small for the steps of the tensor, and shows only behind.

    Args:
        conversion: With integer activations.
        errors: Of the layers of its model, see `layer_errors`.

    Yields:
        Conversions with the 1, 2, 4, ... worst layers float, up to a quarter of all.
    """
    integer = [entry for entry in errors if entry.name not in conversion.float_nodes]
    worst_first = sorted(integer, key=lambda entry: -entry.added)
    # The model has a tensor of each of these; others are fused with the one behind.
    stored = [entry.name for entry in worst_first]
    num_worst = 1
    while num_worst <= _LARGEST_FLOAT_SHARE * len(stored):
        chosen = _with_sources(conversion.graph, stored[:num_worst], stored)
        num_float = sum(name in stored for name in chosen)
        float_nodes = (*conversion.float_nodes, *_with_fused(conversion.graph, chosen, stored))
        yield dataclasses.replace(
            conversion,
            float_nodes=tuple(dict.fromkeys(float_nodes)),
            remedies=(*conversion.remedies, f"{num_float} of {len(stored)} layers float"),
        )
        num_worst *= 2


def keep_named_float(
    conversion: Conversion,
    patterns: Sequence[str],
    errors: Sequence[LayerError],
) -> Conversion:
    """Leave the layers float whose names match a pattern, as of files in a shell.

    Args:
        conversion: With integer activations.
        patterns: The patterns.
        errors: Of the layers of its model, see `layer_errors`: these have names to choose by.

    Returns:
        The conversion with those layers, and what is fused with them, float.

    Raises:
        InputError: If a pattern matches none.
    """
    stored = [entry.name for entry in errors]
    chosen: list[str] = []
    for pattern in patterns:
        matching = fnmatch.filter(stored, pattern)
        if not matching:
            some = ", ".join(stored[:_NUM_NAMES_TOLD])
            raise InputError(
                f"Expected the layers that stay float to be of the {len(stored)} of the model, such as {some}. "
                f"Received: {pattern}, which matches none. --verbose lists them all."
            )
        chosen += matching
    return dataclasses.replace(conversion, float_nodes=_with_fused(conversion.graph, chosen, stored))


def _with_sources(
    graph: Graph,
    names: Sequence[str],
    stored: Collection[str],
) -> list[str]:
    """Nodes and what computes what they take, each once."""
    chosen: dict[str, None] = {}  # as an ordered set
    for name in names:
        chosen |= dict.fromkeys([name, *_sources(graph, name, stored)])
    return list(chosen)


def _with_fused(
    graph: Graph,
    names: Sequence[str],
    stored: Collection[str],
) -> tuple[str, ...]:
    """Nodes and, behind them, what is fused with one of them: it is of the same operator, and stays float, too."""
    all_names = dict.fromkeys(names)
    for name in names:
        all_names |= dict.fromkeys(_fused(graph, name, stored))
    return tuple(all_names)


def _sources(graph: Graph, name: str, stored: Collection[str]) -> list[str]:
    """The nodes that compute what a node takes, seen through those that are fused with it or only move numbers."""
    found: list[str] = []
    for source in _inputs(graph, name):
        producer = graph.node(source)
        if producer is None:
            continue
        found.append(source)
        if source not in stored or producer.op in KEEPS_RANGE:
            found += _sources(graph, source, stored)
    return found


def _fused(graph: Graph, name: str, stored: Collection[str]) -> list[str]:
    """The nodes before a node whose outputs are not stored: they are of the same operator."""
    found = [source for source in _inputs(graph, name) if source not in stored]
    for source in tuple(found):
        found += _fused(graph, source, stored)
    return found


def _inputs(graph: Graph, name: str) -> list[str]:
    """The nodes that a node takes, without the graph's input, whose type is the user's choice."""
    node = graph.node(name)
    if node is None:
        return []
    return [source for source in node.inputs if source != INPUT]
