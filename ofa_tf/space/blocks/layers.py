"""`Layer`: one layer of a part as data, from which MACs, parameters, file size and memory follow."""

import dataclasses
import enum
from collections.abc import Iterable

from ofa_tf.space.blocks.rounding import out_size

PART_INPUT = "input"  # what the first layers of a part take


class LayerKind(enum.Enum):
    """What a layer does; the values are names of operations of `ofa_tf.tflite.graph.graph.Node`."""

    CONVOLUTION = "conv2d"
    DEPTHWISE = "depthwise_conv2d"
    DENSE = "dense"
    ACTIVATION = "activation"
    ADD = "add"
    MULTIPLY = "multiply"
    MAX_POOL = "max_pool"
    AVERAGE_POOL = "average_pool"
    MEAN = "mean"
    FLATTEN = "flatten"


_GIVES_ONE_PIXEL = (LayerKind.MEAN, LayerKind.FLATTEN, LayerKind.DENSE)


@dataclasses.dataclass(frozen=True)
class Layer:
    """One layer of a part with its choices made.

    Args:
        name: Unique within the part.
        kind: What it does.
        inputs: Names of the layers that it takes, or `PART_INPUT`.
        in_channels: Channels of the first input.
        out_channels: Channels of the output.
        kernel_size: Height and width of what it slides over the image.
        stride: How far it slides. Images are padded by half the kernel.
        activation: Name of the activation, if it is one.
        has_norm: Whether batch normalization follows.
        has_bias: Whether it has a bias.
    """

    name: str
    kind: LayerKind
    inputs: tuple[str, ...]
    in_channels: int
    out_channels: int
    kernel_size: int = 1
    stride: int = 1
    activation: str = ""
    has_norm: bool = False
    has_bias: bool = False

    @property
    def num_weights(self) -> int:
        """Entries of the kernel; each is multiplied once a position."""
        taps = self.kernel_size**2
        if self.kind is LayerKind.DEPTHWISE:
            return taps * self.out_channels
        if self.kind in (LayerKind.CONVOLUTION, LayerKind.DENSE):
            return taps * self.in_channels * self.out_channels
        return 0

    @property
    def num_other_params(self) -> int:
        """Parameters of the bias, or of the batch normalization that follows."""
        per_channel = 2 * self.has_norm + self.has_bias
        return per_channel * self.out_channels

    def out_size(self, input_size: int) -> int:
        """Height and width of the output, from those of the first input, pixels."""
        if self.kind in _GIVES_ONE_PIXEL:
            return 1
        return int(out_size(input_size, self.stride))


def layer_sizes(layers: Iterable[Layer], input_size: int) -> dict[str, int]:
    """Height and width of the output of each layer, and of `PART_INPUT`, by name, pixels."""
    sizes = {PART_INPUT: input_size}
    for layer in layers:
        size_before = sizes[layer.inputs[0]]
        sizes[layer.name] = layer.out_size(size_before)
    return sizes


class LayerList:
    """The layers of a part, added one after the other; each method returns the name of what it added.

    Args:
        in_channels: Channels of the part's input.
    """

    def __init__(self, in_channels: int) -> None:
        self._layers: list[Layer] = []
        self._channels = {PART_INPUT: in_channels}

    @property
    def layers(self) -> tuple[Layer, ...]:
        """What was added."""
        return tuple(self._layers)

    def convolution(
        self,
        name: str,
        source: str,
        channels: int,
        *,
        kernel_size: int = 1,
        stride: int = 1,
        activation: str = "linear",
        has_norm: bool = True,
        has_bias: bool = False,
    ) -> str:
        """A convolution, batch normalization and an activation."""
        convolved = self._add(
            name,
            LayerKind.CONVOLUTION,
            (source,),
            channels,
            kernel_size=kernel_size,
            stride=stride,
            has_norm=has_norm,
            has_bias=has_bias,
        )
        return self.activation(convolved, activation)

    def depthwise(self, name: str, source: str, *, kernel_size: int, stride: int, activation: str) -> str:
        """A depthwise convolution, batch normalization and an activation."""
        filtered = self._add(
            name,
            LayerKind.DEPTHWISE,
            (source,),
            kernel_size=kernel_size,
            stride=stride,
            has_norm=True,
        )
        return self.activation(filtered, activation)

    def dense(self, name: str, source: str, channels: int) -> str:
        """A linear layer with a bias."""
        return self._add(name, LayerKind.DENSE, (source,), channels, has_bias=True)

    def activation(self, source: str, activation: str) -> str:
        """An activation; none for `"linear"`."""
        if activation == "linear":
            return source
        name = f"{source}_{activation}"
        return self._add(name, LayerKind.ACTIVATION, (source,), activation=activation)

    def add(self, name: str, first: str, second: str) -> str:
        """The sum of two layers' outputs."""
        return self._add(name, LayerKind.ADD, (first, second))

    def multiply(self, name: str, first: str, second: str) -> str:
        """The product of two layers' outputs; the second may have one pixel only."""
        return self._add(name, LayerKind.MULTIPLY, (first, second))

    def max_pool(self, name: str, source: str, *, kernel_size: int, stride: int) -> str:
        """A max pooling."""
        return self._add(name, LayerKind.MAX_POOL, (source,), kernel_size=kernel_size, stride=stride)

    def average_pool(self, name: str, source: str, stride: int) -> str:
        """An average pooling of windows that do not overlap."""
        return self._add(name, LayerKind.AVERAGE_POOL, (source,), kernel_size=stride, stride=stride)

    def mean(self, name: str, source: str) -> str:
        """Global average pooling, to one pixel."""
        return self._add(name, LayerKind.MEAN, (source,))

    def flatten(self, name: str, source: str) -> str:
        """One pixel to a vector."""
        return self._add(name, LayerKind.FLATTEN, (source,))

    def _add(
        self,
        name: str,
        kind: LayerKind,
        inputs: tuple[str, ...],
        channels: int | None = None,
        *,
        kernel_size: int = 1,
        stride: int = 1,
        activation: str = "",
        has_norm: bool = False,
        has_bias: bool = False,
    ) -> str:
        """Add a layer; it has the channels of its first input, unless others are given."""
        in_channels = self._channels[inputs[0]]
        out_channels = in_channels if channels is None else channels
        layer = Layer(
            name=name,
            kind=kind,
            inputs=inputs,
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=kernel_size,
            stride=stride,
            activation=activation,
            has_norm=has_norm,
            has_bias=has_bias,
        )
        self._layers.append(layer)
        self._channels[name] = out_channels
        return name
