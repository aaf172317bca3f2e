"""`Target`: what runs a model, and which lowerings pay on it.

Loads neither TensorFlow nor Keras.
"""

import dataclasses

from ofa_tf.base.errors import InputError
from ofa_tf.base.plugins import PLUGIN_HINT
from ofa_tf.base.registry import Registry
from ofa_tf.tflite.lowering.rewrites import LOWERINGS


@dataclasses.dataclass(frozen=True)
class Target:
    """A kind of hardware with the delegate that runs models on it.

    Another target is added by registering it in `TARGETS`. Which rewrites pay on
    it has to be measured, see `tools/bench_export.py`.

    Args:
        name: What users call it.
        delegate: The LiteRT delegate that takes the operators.
        float_lowerings: Names of the rewrites that pay for float activations.
        integer_lowerings: Names of those that pay for integer activations.

    Raises:
        InputError: If there is no such rewrite.
    """

    name: str
    delegate: str
    float_lowerings: tuple[str, ...]
    integer_lowerings: tuple[str, ...]

    def __post_init__(self) -> None:
        for lowering in (*self.float_lowerings, *self.integer_lowerings):
            if lowering not in LOWERINGS:
                raise InputError(
                    f"Expected the lowerings of the target {self.name!r} to be of {list(LOWERINGS)}. "
                    f"Received: {lowering!r}."
                )

    def lowerings(self, integer_activations: bool) -> tuple[str, ...]:
        """Names of the rewrites that pay for models of one kind."""
        if integer_activations:
            return self.integer_lowerings
        return self.float_lowerings


# XNNPACK has an operator for hard-swish in float. In int8 it has none: in parts, it stays with the delegate.
CPU = Target(
    name="cpu",
    delegate="xnnpack",
    float_lowerings=("fold_batch_norm", "hard_sigmoid", "split_depthwise"),
    integer_lowerings=("fold_batch_norm", "hard_sigmoid", "hard_swish", "split_depthwise"),
)

TARGETS: Registry[Target] = Registry("target", PLUGIN_HINT)
TARGETS.register(CPU.name, CPU)


def get_target(name: str) -> Target:
    """The target of a name.

    Raises:
        InputError: If there is none.
    """
    if not isinstance(name, str) or name not in TARGETS:
        raise InputError(f"Expected `target` to be one of {list(TARGETS)}. Received: target={name!r}. {PLUGIN_HINT}")
    return TARGETS[name]
