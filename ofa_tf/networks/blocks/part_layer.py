"""`PartLayer`: what the layer of every part type must do, and the registry of these layers.

A part type is described as data in `ofa_tf/space/blocks/`; the file of the same name here
holds its elastic layer, and how to build, fill and name its plain Keras twin. Nothing
else asks what type a part is: whoever has a part looks its layer up with
`get_part_layer`.
"""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import keras
import numpy as np

from ofa_tf.base.registry import Registry
from ofa_tf.networks.layers.elastic_batch_normalization import ElasticBatchNormalization
from ofa_tf.networks.layers.elastic_conv2d import ElasticConv2D
from ofa_tf.networks.layers.initializers import convolution_initializer, fork
from ofa_tf.networks.layers.plain import Tensor, add_convolution, add_normalization
from ofa_tf.space.blocks.part_type import Block, PlainPart
from ofa_tf.space.parts import Part


@dataclasses.dataclass(frozen=True)
class NetworkSettings:
    """What the parts of one network have in common.

    Args:
        num_classes: Number of classes.
        batch_norm_epsilon: Added to the variance in batch normalization.
        batch_norm_momentum: Share of the old running statistics kept in a step.
        dropout_rate: Dropout before the classifier.
        seed: Makes the initial weights reproducible.
        dtype: Dtype policy of the layers; Keras's default by default.
    """

    num_classes: int
    batch_norm_epsilon: float
    batch_norm_momentum: float
    dropout_rate: float = 0.0
    seed: int | None = None
    dtype: Any = None


_PlainPart = TypeVar("_PlainPart", bound=PlainPart)


class PartLayer(keras.layers.Layer, abc.ABC, Generic[_PlainPart]):
    """The layer of a part in a supernet: elastic, with the weights of the largest part.

    Its call takes the input; the elastic choices, each an int or a scalar int32 tensor and
    called like the part type's field; and, by these names, what batch normalization needs:
    `training`, `momentum` and `update_statistics`.

    Args:
        epsilon: Of batch normalization.
        momentum: Of batch normalization.
        kernel_initializer: Initializer of all convolutions.
    """

    # The fields of the part type that the call takes: those that are elastic.
    elastic_arguments: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        epsilon: float = 1e-5,
        momentum: float = 0.9,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.epsilon = epsilon
        self.momentum = momentum
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def get_config(self) -> dict[str, Any]:
        config = {
            "epsilon": self.epsilon,
            "momentum": self.momentum,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
        return {**super().get_config(), **config}

    # --- what each part type adds -----------------------------------------

    @classmethod
    @abc.abstractmethod
    def from_part(cls, part: Part, settings: NetworkSettings) -> "PartLayer":
        """The layer of a part of a search space, with room for all its choices.

        Args:
            part: The part. What its options have in common, and the largest of what they do
                not, become the layer's own arguments.
            settings: What the network's parts have in common; `layer_arguments` makes
                arguments of it.
        """

    @classmethod
    @abc.abstractmethod
    def add_plain(cls, x: Tensor, prefix: str, option: _PlainPart, settings: NetworkSettings) -> Tensor:
        """Add the plain Keras layers of a part with its choices made to a functional model.

        Args:
            x: Output of the part before.
            prefix: What the layers' names begin with, `plain_prefix` of the part's name.
            option: What to add: one of a part's options.
            settings: What the network's parts have in common.
        """

    @abc.abstractmethod
    def static_weights(self, option: _PlainPart) -> dict[str, list[np.ndarray]]:
        """Weights of the plain layers of a part, sliced and transformed.

        Args:
            option: The part with its choices made.

        Returns:
            By the layer's name without its prefix, arrays as `set_weights` takes them.
        """

    @classmethod
    def plain_prefix(cls, name: str) -> str:
        """What the names of a part's plain layers begin with."""
        return f"{name}_"

    def sort_channels(self, part: Part, stage: int) -> None:
        """Reorder the channels inside by importance, in place; nothing, unless a part type has elastic ones.

        Args:
            part: The part that this is the layer of.
            stage: Width stage about to begin, from 0, see
                `ofa_tf.networks.channel_sorting`.
        """

    def start_as_identity(self) -> None:
        """Let the part hand its input on unchanged, in place, where it has a residual connection; else nothing.

        The scale of the last batch normalization before the sum becomes 0.
        """

    @classmethod
    def published_names(cls, option: _PlainPart) -> dict[str, str]:
        """What the PyTorch implementation calls the weights of a part.

        Args:
            option: The part with its choices made.

        Returns:
            By the plain layer's name without its prefix, the beginning of the
            published name; of blocks, what follows `blocks.N.`. Empty for part types
            that the PyTorch implementation does not have.
        """
        del option
        return {}

    # --- what follows from that -------------------------------------------

    def set_static_weights(self, weights: Mapping[str, Sequence[np.ndarray]]) -> None:
        """Take over the weights of a part's plain layers: the reverse of `static_weights`, in place.

        For the layer of a part that can be one thing only, so that its inner layers have the
        weights of the plain ones; and it gives them the names of these.

        Args:
            weights: By the plain layer's name without its prefix, its weights.
        """
        variables = self._variables_by_layer()
        for name, values in weights.items():
            for variable, value in zip(variables[name], values, strict=True):
                variable.assign(value)

    def _variables_by_layer(self) -> dict[str, list[keras.Variable]]:
        """By the name of the plain layer without its prefix, the variables of the inner layer."""
        by_layer: dict[str, list[keras.Variable]] = {}
        for variable in self.weights:  # without the seeds of dropout, which are variables, too
            _, inner_path = variable.path.split(f"{self.name}/", maxsplit=1)
            *inner_names, _ = inner_path.split("/")
            by_layer.setdefault("_".join(inner_names), []).append(variable)
        return by_layer

    # --- for part types to build on ---------------------------------------

    def _convolution_and_norm(
        self,
        names: tuple[str, str],
        input_shape: tuple,
        filters: int,
        *,
        kernel_size: int = 1,
        strides: int = 1,
        activation: str = "linear",
    ) -> tuple[ElasticConv2D, ElasticBatchNormalization]:
        """A convolution, and the batch normalization and activation behind it as one layer, both built.

        Args:
            names: Of the convolution and of the normalization.
            input_shape: Of the convolution.
            filters: Largest number of output channels.
            kernel_size: Kernel height and width.
            strides: Stride along height and width.
            activation: Name of the activation, see `get_activation`; none by default.
        """
        conv_name, norm_name = names
        convolution = ElasticConv2D(
            filters,
            kernel_size,
            strides,
            kernel_initializer=self._initializer(conv_name),
            name=conv_name,
            dtype=self.dtype_policy,
        )
        convolution.build(input_shape)
        return convolution, self._norm(norm_name, (*input_shape[:-1], filters), activation)

    def _norm(self, name: str, input_shape: tuple, activation: str = "linear") -> ElasticBatchNormalization:
        """A batch normalization and the activation behind it, built."""
        norm = ElasticBatchNormalization(
            epsilon=self.epsilon,
            momentum=self.momentum,
            activation=activation,
            name=name,
            dtype=self.dtype_policy,
        )
        norm.build(input_shape)
        return norm

    def _initializer(self, name: str) -> keras.initializers.Initializer:
        """The initializer of an inner layer, which draws other values than those of its neighbours."""
        return fork(self.kernel_initializer, name)


class StemLayer(PartLayer[_PlainPart]):
    """The layer of a stem, whose inner layers draw their initial weights by their whole names, `stem_conv`.

    Those of blocks and heads draw them by their names within the part. Both are kept as they
    are, so that a seed gives the weights that it always gave.
    """

    def _initializer(self, name: str) -> keras.initializers.Initializer:
        return super()._initializer(f"{self.name}_{name}")


def layer_arguments(part: Part, settings: NetworkSettings) -> dict[str, Any]:
    """The keyword arguments that every `PartLayer` takes.

    Args:
        part: The part that the layer is of.
        settings: What the network's parts have in common.
    """
    initializer = convolution_initializer(settings.seed)
    if isinstance(part.largest, Block):
        # The layers in all blocks have the same names: without its own, each block would draw equal weights.
        initializer = fork(initializer, part.name)
    return {
        "name": part.name,
        "epsilon": settings.batch_norm_epsilon,
        "momentum": settings.batch_norm_momentum,
        "kernel_initializer": initializer,
        "dtype": settings.dtype,
    }


def add_plain_pair(
    x: Tensor,
    names: tuple[str, str],
    settings: NetworkSettings,
    filters: int,
    *,
    kernel_size: int = 1,
    strides: int = 1,
    activation: str = "linear",
) -> Tensor:
    """A plain convolution, batch normalization and an activation.

    Args:
        x: Input.
        names: Of the convolution and of the normalization.
        settings: Of the network.
        filters: Output channels.
        kernel_size: Kernel height and width.
        strides: Stride along height and width.
        activation: Name of the activation; `"linear"` adds none.
    """
    conv_name, norm_name = names
    x = add_convolution(x, conv_name, filters, kernel_size=kernel_size, strides=strides)
    return add_plain_norm(x, norm_name, settings, activation)


def add_plain_norm(x: Tensor, name: str, settings: NetworkSettings, activation: str = "linear") -> Tensor:
    """A plain batch normalization and an activation."""
    return add_normalization(x, name, settings.batch_norm_epsilon, settings.batch_norm_momentum, activation=activation)


def kept_middle_channels(part: Part, stage: int) -> list[int]:
    """The numbers of middle channels of which the first ones must stay first, in a width stage.

    In stage s, the channels that the s largest-but-one expand ratios keep stay ahead of
    the others.

    Args:
        part: A block with elastic expand ratios.
        stage: Width stage about to begin, from 0.

    Raises:
        InputError: If the block has no elastic expand ratios.
    """
    by_ratio = part.values_along("expand_ratios", "middle_channels")
    largest_first = by_ratio[::-1]
    return [int(channels) for channels in largest_first[: stage + 1]]


PART_LAYERS: Registry[type[PartLayer]] = Registry(
    "part type with layers",
    hint="Register them with ofa_tf.networks.blocks.register_part_layer, in the file that registers the type.",
)

_Layer = TypeVar("_Layer", bound=PartLayer)


def register_part_layer(part_type: type[PlainPart]) -> Any:
    """Make a layer known as that of a part type; to be used as a decorator of the layer's class.

    Raises:
        InputError: If the type has another layer already.
    """

    def register(layer_class: type[_Layer]) -> type[_Layer]:
        PART_LAYERS.register(part_type.type_name, layer_class)
        return layer_class

    return register


def get_part_layer(part: PlainPart) -> type[PartLayer]:
    """Look up the layer of a part.

    Raises:
        InputError: If its type has none.
    """
    return PART_LAYERS[part.type_name]
