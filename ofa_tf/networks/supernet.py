"""`Supernet`: one network that holds the weights of every subnet of a space."""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.networks.blocks.bottleneck import ElasticBottleneck
from ofa_tf.networks.blocks.head import ElasticHead
from ofa_tf.networks.blocks.mbconv import ElasticMBConv
from ofa_tf.networks.blocks.stem import ConvStem, ElasticDeepStem
from ofa_tf.networks.layers.initializers import convolution_initializer, fork
from ofa_tf.space.arch import Arch
from ofa_tf.space.part_types import Bottleneck, DeepStem, Head, MBConv, Part, Stem
from ofa_tf.space.search_space import SearchSpace


def build_supernet(
    space: SearchSpace, num_classes: int, dropout_rate: float = 0.0, seed: int | None = None
) -> "Supernet":
    """Build a supernet with all its weights.

    Args:
        space: Search space.
        num_classes: Number of classes.
        dropout_rate: Dropout before the classifier.
        seed: Makes the initial weights reproducible.

    Raises:
        InputError: If `num_classes` is below 1 or `dropout_rate` is not in [0, 1).
    """
    supernet = Supernet(space, num_classes, dropout_rate, seed)
    supernet.build((None, None, None, 3))
    return supernet


@keras.saving.register_keras_serializable(package="ofa_tf")
class Supernet(keras.Model):
    """A once-for-all network; which subnet runs is an argument of the call.

    Args:
        space: Search space, or its `to_dict` data.
        num_classes: Number of classes.
        dropout_rate: Dropout before the classifier.
        seed: Makes the initial weights reproducible.
        dtype: Dtype policy of all layers, such as `"mixed_bfloat16"`; the logits
            are float32 under any.

    Call arguments:
        images: Normalised float images of any size.
        arch: An `Arch`, or the genes of one (int32, shape `(num_genes,)`, see
            `SearchSpace.encode`). Genes may be a tensor: one traced graph then
            serves all subnets and computes only what the chosen one needs. The
            image size entry is not looked at.
        training: Whether batch normalization uses the batch's statistics and
            updates the running ones, and dropout is active.
        momentum: Overrides the momentum of the running statistics, see
            `ElasticBatchNormalization`.

    Input shape:
        `(batch, height, width, 3)`

    Output shape:
        `(batch, num_classes)`, float32 logits.

    Raises:
        InputError: If an `Arch` is not of the space.

    Reference: Once-for-All, sections 3.2 and 3.3.
    """

    def __init__(
        self,
        space: SearchSpace | dict,
        num_classes: int,
        dropout_rate: float = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if num_classes < 1:
            raise InputError(f"Expected `num_classes` to be at least 1. Received: num_classes={num_classes}.")
        if not 0 <= dropout_rate < 1:
            raise InputError(f"Expected `dropout_rate` to be in [0, 1). Received: dropout_rate={dropout_rate}.")
        self.space = SearchSpace.from_dict(space) if isinstance(space, dict) else space
        self.num_classes = num_classes
        self.dropout_rate = dropout_rate
        self.seed = seed
        initializer = convolution_initializer(seed)
        self.parts = [self._make_layer(part, initializer) for part in self.space.parts]

    def _make_layer(self, part: Part, initializer: keras.initializers.Initializer) -> keras.layers.Layer:
        largest = part.largest
        common: dict[str, Any] = {
            "name": part.name,
            "epsilon": self.space.batch_norm_epsilon,
            "momentum": self.space.batch_norm_momentum,
            "kernel_initializer": fork(initializer, part.name)
            if isinstance(largest, MBConv | Bottleneck)
            else initializer,
            "dtype": self.dtype_policy,
        }
        if isinstance(largest, Stem):
            return ConvStem(largest.out_channels, largest.stride, largest.activation, **common)
        if isinstance(largest, DeepStem):
            return ElasticDeepStem(largest.middle_channels, largest.out_channels, **common)
        if isinstance(largest, MBConv):
            return ElasticMBConv(
                largest.out_channels,
                largest.middle_channels if largest.has_expand else None,
                kernel_sizes=tuple(sorted(set(part.values("kernel_size").flat))),
                strides=largest.stride,
                activation=largest.activation,
                squeeze_channels=largest.squeeze_channels,
                has_residual=largest.has_residual,
                **common,
            )
        if isinstance(largest, Bottleneck):
            return ElasticBottleneck(
                largest.middle_channels, largest.out_channels, largest.stride, largest.has_downsample, **common
            )
        return ElasticHead(
            self.num_classes,
            largest.feature_width,
            largest.head_width,
            largest.activation,
            self.dropout_rate,
            seed=self.seed,
            **common,
        )

    @property
    def blocks(self) -> list[keras.layers.Layer]:
        """The layers of the elastic blocks, in the order of `space.blocks`."""
        return [layer for part, layer in zip(self.space.parts, self.parts, strict=True) if part.stage is not None]

    @property
    def stem(self) -> keras.layers.Layer:
        """The layer of the stem."""
        return self.parts[0]

    @property
    def head(self) -> ElasticHead:
        """The layer of the head."""
        return self.parts[-1]

    @property
    def dropout(self) -> keras.layers.Dropout:
        """The dropout before the classifier."""
        return self.head.dropout

    def build(self, input_shape: tuple = (None, None, None, 3)) -> None:
        shape = tuple(input_shape)
        for layer in self.parts:
            layer.build(shape)
            layer.built = True
            shape = layer.compute_output_shape(shape)
        self.built = True

    def __call__(self, images: Any, arch: Any, training: bool = False, momentum: Any = None) -> tf.Tensor:
        if isinstance(arch, Arch):
            self.space.validate(arch)  # Keras would wrap the message up in another
        # Keras takes only tensors as positional arguments.
        return super().__call__(images, arch=arch, training=training, momentum=momentum)

    def call(self, images: tf.Tensor, arch: Any, training: bool = False, momentum: Any = None) -> tf.Tensor:
        genes = self.space.encode(arch) if isinstance(arch, Arch) else tf.convert_to_tensor(arch)
        x = images
        for part, layer in zip(self.space.parts, self.parts, strict=True):
            x = self._run_part(x, part, layer, genes, {"training": training, "momentum": momentum})
        return x

    def compute_output_shape(self, input_shape: tuple, **kwargs: Any) -> tuple:
        return (input_shape[0], self.num_classes)

    def static_weights(self, arch: Arch) -> dict[str, list[np.ndarray]]:
        """Weights of one subnet's plain layers, sliced and transformed, by layer name.

        Raises:
            InputError: If `arch` is not of the space.
        """
        layers = {layer.name: layer for layer in self.parts}
        weights: dict[str, list[np.ndarray]] = {}
        for name, part in self.space.plain_parts(arch).items():
            prefix = "" if isinstance(part, Head) else f"{name}_"
            weights |= {f"{prefix}{inner}": values for inner, values in layers[name].static_weights(part).items()}
        return weights

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "space": self.space.to_dict(),
            "num_classes": self.num_classes,
            "dropout_rate": self.dropout_rate,
            "seed": self.seed,
        }

    def _run_part(self, x: tf.Tensor, part: Part, layer: keras.layers.Layer, genes: Any, normalization: dict) -> Any:
        choices = {name: _choose(part, name, genes) for name in layer.elastic_arguments}

        def run() -> tf.Tensor:
            return layer(x, **choices, **normalization)

        if part.stage is None or part.position < self.space.stages[part.stage].depths[0]:
            return run()  # never skipped
        depths, gene = self.space.stages[part.stage].depths, genes[self.space.depth_genes][part.stage]
        if not tf.is_tensor(gene):
            return run() if part.position < depths[gene] else x
        return tf.cond(part.position < tf.gather(tf.constant(depths), gene), run, lambda: x)


def _choose(part: Part, field: str, genes: Any) -> Any:
    """What the genes choose for a field of a part: an int where it does not depend on a tensor."""
    values = part.values(field).astype(np.int32)
    if (values == values.flat[0]).all():
        return int(values.flat[0])
    indices = [genes[gene] for gene in part.genes]
    if not tf.is_tensor(genes):
        return int(values[tuple(indices)])
    return tf.gather_nd(tf.constant(values), tf.stack(indices))
