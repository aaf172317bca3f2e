"""Lowering: rewriting an inference graph into operators that a target runs well."""

from collections.abc import Sequence

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.graph.graph import Graph
from ofa_tf.tflite.lowering.rewrites import LOWERINGS
from ofa_tf.tflite.lowering.targets import CPU, Target

_WHAT_THE_TARGET_WANTS = "all"
_NO_REWRITE = "none"


def lower(
    graph: Graph,
    names: str | Sequence[str] = "all",
    *,
    integer_activations: bool = False,
    target: Target = CPU,
) -> Graph:
    """Apply rewrites, in the order of `LOWERINGS`.

    Args:
        graph: What to rewrite.
        names: See `choose_lowerings`.
        integer_activations: Whether activations will be integers.
        target: What will run the model.

    Returns:
        A graph of the same function.

    Raises:
        InputError: If a name is unknown.
    """
    for name in choose_lowerings(
        names,
        integer_activations=integer_activations,
        target=target,
    ):
        rewrite = LOWERINGS[name]
        graph = rewrite(graph)
    return graph


def choose_lowerings(
    names: str | Sequence[str] = "all",
    *,
    integer_activations: bool,
    target: Target = CPU,
) -> tuple[str, ...]:
    """The names of the rewrites that some names stand for, in the order in which they work.

    Args:
        names: Names of rewrites; `"all"`: those that pay on the target for the kind
            of activations; `"none"`: no rewrite.
        integer_activations: Whether activations will be integers.
        target: What will run the model.

    Raises:
        InputError: If a name is unknown, or `"all"` or `"none"` is not the only one.
    """
    names = [names] if isinstance(names, str) else list(names)
    _check_names(names)
    if names == [_NO_REWRITE]:
        return ()
    chosen: Sequence[str] = names
    if names == [_WHAT_THE_TARGET_WANTS]:
        chosen = target.lowerings(integer_activations)
    return tuple(name for name in LOWERINGS if name in chosen)


def _check_names(names: Sequence[str]) -> None:
    collective = [_WHAT_THE_TARGET_WANTS, _NO_REWRITE]
    valid = [*collective, *LOWERINGS]
    for name in names:
        if name not in valid:
            raise InputError(f"Expected `lowering` to be of {valid}. Received: {name!r}.")
    has_collective = any(name in collective for name in names)
    if has_collective and len(names) > 1:
        raise InputError(f"Expected `lowering` to be all, none or a list of others. Received: {','.join(names)}.")
