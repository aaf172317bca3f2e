"""`Target`: what runs a model, which models it takes, and which lowerings pay on it.

Loads neither TensorFlow nor Keras.
"""

import dataclasses

from ofa_tf.base.errors import InputError
from ofa_tf.base.plugins import PLUGIN_HINT
from ofa_tf.base.registry import Registry
from ofa_tf.tflite.lowering.rewrites import LOWERINGS


@dataclasses.dataclass(frozen=True)
class Target:
    """A kind of hardware: which models it takes, who runs them there, and which lowerings pay.

    Another target is added by registering it in `TARGETS`. Which rewrites pay on
    it has to be measured: on CPUs `tools/bench_export.py` does.

    Args:
        name: What users call it.
        description: What it is, in words.
        delegates: Names of the delegates of phones that run models on it, the usual one
            first. Empty: there is no device to measure on.
        accelerators: What apps call the hardware, in LiteRT's `Accelerator`, the best first.
        bits: Bits of a weight and of an activation (`None`: float) that its models may
            have, see `QuantizationMode`. Empty: any.
        takes_uint8_of_float: Whether a float model may take whole numbers from 0 to 255.
        float_lowerings: Names of the rewrites that pay for float activations.
        integer_lowerings: Names of those that pay for integer activations.
        undelegated_operators: Operators that its delegate is known to leave to slower kernels, in
            models with all rewrites that pay; `None`: it is not looked for any.

    Raises:
        InputError: If there is no such rewrite.
    """

    name: str
    description: str
    delegates: tuple[str, ...]
    accelerators: tuple[str, ...]
    float_lowerings: tuple[str, ...]
    integer_lowerings: tuple[str, ...]
    bits: tuple[tuple[int, int | None], ...] = ()
    takes_uint8_of_float: bool = True
    undelegated_operators: tuple[str, ...] | None = None

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

    def takes(self, weight_bits: int, activation_bits: int | None) -> bool:
        """Whether models with weights and activations of so many bits are for it."""
        return not self.bits or (weight_bits, activation_bits) in self.bits


# XNNPACK has an operator for hard-swish in float. In int8 it has none: in parts, it stays with the delegate.
CPU = Target(
    name="cpu",
    description="LiteRT's XNNPACK on a CPU",
    delegates=("xnnpack", "none"),
    accelerators=("CPU",),
    float_lowerings=("fold_batch_norm", "hard_sigmoid", "split_depthwise"),
    integer_lowerings=("fold_batch_norm", "hard_sigmoid", "hard_swish", "split_depthwise"),
    # The first two make numbers of an image's bytes; the third is that of shortcuts of ResNet-D in int8. XNNPACK leaves
    # an ADD or a MUL whose inputs and output have ranges that differ by some hundred times, which some networks have.
    undelegated_operators=("CAST", "QUANTIZE", "AVERAGE_POOL_2D", "ADD", "MUL"),
)

# Hardware with kernels of its own takes whole depthwise kernels and hard-swish. A hard-sigmoid as a ReLU6 is fused
# with the convolution before it.
_FOR_OWN_KERNELS = ("fold_batch_norm", "hard_sigmoid")

# A GPU computes with floats: it would make floats of integers again, once an operator.
GPU = Target(
    name="gpu",
    description="the GPU of a phone",
    delegates=("gpu",),
    accelerators=("GPU", "CPU"),
    bits=((32, None), (16, None)),
    float_lowerings=_FOR_OWN_KERNELS,
    integer_lowerings=_FOR_OWN_KERNELS,
)

NPU = Target(
    name="npu",
    description="the neural processor of a phone",
    delegates=("nnapi",),
    accelerators=("NPU", "CPU"),
    bits=((32, None), (16, None), (8, 8), (8, 16)),
    float_lowerings=_FOR_OWN_KERNELS,
    integer_lowerings=_FOR_OWN_KERNELS,
)

# Memory is what there is least of, and every rewrite has tensors of its own. TFLite Micro makes no floats of float16
# or int8 weights, and its QUANTIZE makes none of uint8.
MCU = Target(
    name="mcu",
    description="TFLite Micro on a microcontroller",
    delegates=(),
    accelerators=(),
    bits=((32, None), (8, 8), (8, 16)),
    takes_uint8_of_float=False,
    float_lowerings=(),
    integer_lowerings=(),
)

TARGETS: Registry[Target] = Registry("target", PLUGIN_HINT)
for _target in (CPU, GPU, NPU, MCU):
    TARGETS.register(_target.name, _target)


def usual_delegate(target: Target) -> str | None:
    """The delegate of phones that runs models of a target, unless another one is asked for.

    Returns:
        Its name; `None` for the CPU, which phones take by themselves.

    Raises:
        InputError: If no device that is supported runs models of the target.
    """
    if not target.delegates:
        raise InputError(
            f"Expected a target whose models can be measured here, or on a phone. Received: {target.name}, "
            f"{target.description}. Latencies of such models have to be measured by other means."
        )
    if target == CPU:
        return None
    return target.delegates[0]


def get_target(name: str) -> Target:
    """The target of a name.

    Raises:
        InputError: If there is none.
    """
    if isinstance(name, str) and name in TARGETS:
        return TARGETS[name]
    hint = PLUGIN_HINT
    if str(name).startswith(f"{NPU.name}:"):
        hint = "Chips are for tools/to_tflite.py, which compiles; the models of all are those of 'npu'."
    raise InputError(f"Expected `target` to be one of {list(TARGETS)}. Received: target={name!r}. {hint}")


def target_help() -> str:
    """What a flag says of the targets that there are to choose from."""
    descriptions = []
    for name in TARGETS:
        descriptions.append(f"{name} ({TARGETS[name].description})")
    return f"What will run the model: {', '.join(descriptions)}."
