"""What a search can limit, in one table.

Another kind of limit is one more entry below: `Limits` takes its name, and tools/search.py gets
a flag `--max_NAME` for it. (That of a plugin is given as `--limits=NAME=VALUE`.)
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from ofa_tf.base.plugins import PLUGIN_HINT
from ofa_tf.base.registry import Registry
from ofa_tf.space import costs
from ofa_tf.space.search_space import SearchSpace

Measure = Callable[[np.ndarray], Any]  # genes `(n, num_genes)` -> values `(n,)`


class ModelFootprint(Protocol):
    """File size and memory of the models that are shipped, see `ofa_tf.tflite.footprint.Footprint`."""

    def size_bytes(self, archs: np.ndarray, /) -> Any:
        """Sizes of the model files."""

    def least_peak_ram_bytes(self, archs: np.ndarray, /) -> Any:
        """What `peak_ram_bytes` is at least; quick."""

    def peak_ram_bytes(self, archs: np.ndarray, /) -> Any:
        """Memory of the activations of one image."""

    @property
    def has_arena(self) -> bool:
        """Whether the models are for microcontrollers."""

    def least_arena_bytes(self, archs: np.ndarray, /) -> Any:
        """What `arena_bytes` is at least; quick."""

    def arena_bytes(self, archs: np.ndarray, /) -> Any:
        """Memory that TFLite Micro's interpreter takes."""


@dataclasses.dataclass(frozen=True)
class CostContext:
    """What the costs of a subnet depend on, beside its genes.

    Args:
        space: Search space.
        num_classes: Number of classes.
        predict_latency_ms: Latencies, milliseconds, of genes; `None` where
            there is no latency model.
        footprint: Of the models that are shipped, in their precision; `None` where
            nothing is known of them.
    """

    space: SearchSpace
    num_classes: int
    predict_latency_ms: Measure | None = None
    footprint: ModelFootprint | None = None


@dataclasses.dataclass(frozen=True)
class ConstraintKind:
    """A kind of cost that can have an upper limit.

    Args:
        help: What is limited, in which unit, as the help of a flag.
        make_measure: From a context to what computes the cost of genes; `None`
            where the context lacks what is needed for it.
        needs: What that is, in words.
        advice: How to have it, a sentence.
        depends_on_precision: Whether the cost is another one for a model in another
            precision.
        make_exact_measure: Given where `make_measure` makes what is quick and never too
            high: the same for what is exact, and slow.
        words: What it is called in pictures, without a unit; by default its name.
        units: Name of a unit -> how much one is, for pictures, which take the largest
            one that the values reach.
    """

    help: str
    make_measure: Callable[[CostContext], Measure | None]
    needs: str = ""
    advice: str = ""
    depends_on_precision: bool = True
    make_exact_measure: Callable[[CostContext], Measure | None] | None = None
    words: str = ""
    units: Mapping[str, float] = dataclasses.field(default_factory=dict)


CONSTRAINT_KINDS: Registry[ConstraintKind] = Registry("limit", PLUGIN_HINT)


def _latency_ms(context: CostContext) -> Measure | None:
    return context.predict_latency_ms


def _macs(context: CostContext) -> Measure:
    return lambda genes: costs.num_macs(context.space, genes, context.num_classes)


def _size_bytes(context: CostContext) -> Measure | None:
    return None if context.footprint is None else context.footprint.size_bytes


def _least_peak_ram_bytes(context: CostContext) -> Measure | None:
    return None if context.footprint is None else context.footprint.least_peak_ram_bytes


def _peak_ram_bytes(context: CostContext) -> Measure | None:
    return None if context.footprint is None else context.footprint.peak_ram_bytes


def _least_arena_bytes(context: CostContext) -> Measure | None:
    if context.footprint is None or not context.footprint.has_arena:
        return None
    return context.footprint.least_arena_bytes


def _arena_bytes(context: CostContext) -> Measure | None:
    if context.footprint is None or not context.footprint.has_arena:
        return None
    return context.footprint.arena_bytes


_BYTES = {"bytes": 1.0, "kB": 1e3, "MB": 1e6}

CONSTRAINT_KINDS.register(
    "latency_ms",
    ConstraintKind(
        "Largest predicted latency, milliseconds.",
        _latency_ms,
        needs="latency model",
        words="predicted latency",
        units={"ms": 1.0},
    ),
)
CONSTRAINT_KINDS.register(
    "macs",
    ConstraintKind(
        "Largest number of multiply-accumulates.",
        _macs,
        depends_on_precision=False,
        words="multiply-accumulates",
        units={"thousands": 1e3, "millions": 1e6, "billions": 1e9},
    ),
)
CONSTRAINT_KINDS.register(
    "size_bytes",
    ConstraintKind(
        "Largest size of the model file, bytes.",
        _size_bytes,
        needs="footprint of the models",
        words="file size",
        units=_BYTES,
    ),
)
CONSTRAINT_KINDS.register(
    "peak_ram_bytes",
    ConstraintKind(
        "Largest memory of the activations of one image, bytes, as LiteRT allocates it.",
        _least_peak_ram_bytes,
        needs="footprint of the models",
        make_exact_measure=_peak_ram_bytes,
        words="memory",
        units=_BYTES,
    ),
)

CONSTRAINT_KINDS.register(
    "arena_bytes",
    ConstraintKind(
        "Largest arena of TFLite Micro, bytes; with --target=mcu.",
        _least_arena_bytes,
        needs="footprint of models for microcontrollers",
        advice="Search with --target=mcu, or limit --max_peak_ram_bytes.",
        make_exact_measure=_arena_bytes,
        words="arena",
        units=_BYTES,
    ),
)

# Flags are parsed before the plugins that they name are loaded, so a plugin's kinds get no flags of their own.
KINDS_WITH_FLAGS = tuple(CONSTRAINT_KINDS)


def limit_flag(name: str) -> str:
    """The flag that limits a kind of cost, for messages: `"--max_macs"`, for a plugin's `"--limits=num_blocks"`."""
    if name in KINDS_WITH_FLAGS:
        return f"--max_{name}"
    return f"--limits={name}"
