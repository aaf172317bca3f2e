"""`Supernet`: one network that holds the weights of every subnet of a space."""

import functools
from collections.abc import Callable
from typing import Any, NoReturn

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.base.interrupts import delayed_interrupts
from ofa_tf.base.replicas import Replicas
from ofa_tf.networks.blocks import builtin  # noqa: F401 -- registers the layers of the part types
from ofa_tf.networks.blocks.head import ElasticHead
from ofa_tf.networks.blocks.part_layer import NetworkSettings, PartLayer, get_part_layer
from ofa_tf.space.arch import Arch
from ofa_tf.space.parts import Part
from ofa_tf.space.search_space import SearchSpace


def build_supernet(
    space: SearchSpace, num_classes: int, dropout_rate: float = 0.0, seed: int | None = None, dtype: Any = None
) -> "Supernet":
    """Build a supernet with all its weights.

    Args:
        space: Search space.
        num_classes: Number of classes.
        dropout_rate: Dropout before the classifier.
        seed: Makes the initial weights reproducible.
        dtype: Dtype policy, such as `"mixed_bfloat16"`; Keras's default by default.

    Raises:
        InputError: If `num_classes` is below 1 or `dropout_rate` is not in [0, 1).
    """
    supernet = Supernet(space, num_classes, dropout_rate, seed, dtype=dtype)
    with delayed_interrupts():  # which could get lost, see `add_part`
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
        update_statistics: Whether training updates the running statistics.

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
        # The arch is no tensor, and yet stands behind the images: `supernet(images, arch)`.
        self._allow_non_tensor_positional_args = True
        settings = NetworkSettings(
            num_classes=num_classes,
            batch_norm_epsilon=self.space.batch_norm_epsilon,
            batch_norm_momentum=self.space.batch_norm_momentum,
            dropout_rate=dropout_rate,
            seed=seed,
            dtype=self.dtype_policy,
        )
        self.parts = [get_part_layer(part.largest).from_part(part, settings) for part in self.space.parts]

    def build(self, input_shape: tuple = (None, None, None, 3)) -> None:
        shape = tuple(input_shape)
        for layer in self.parts:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(
        self,
        images: tf.Tensor,
        arch: Any,
        training: bool = False,
        momentum: Any = None,
        update_statistics: bool = True,
    ) -> tf.Tensor:
        genes = self.space.encode(arch) if isinstance(arch, Arch) else tf.convert_to_tensor(arch)
        statistics = {"training": training, "momentum": momentum, "update_statistics": update_statistics}
        x = images
        for part, layer in zip(self.space.parts, self.parts, strict=True):
            x = self._run_part(x, part, layer, genes, statistics)
        return x

    def compute_output_shape(self, input_shape: tuple, **kwargs: Any) -> tuple:
        return (input_shape[0], self.num_classes)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "space": self.space.to_dict(),
            "num_classes": self.num_classes,
            "dropout_rate": self.dropout_rate,
            "seed": self.seed,
        }

    @property
    def blocks(self) -> list[PartLayer]:
        """The layers of the elastic blocks, in the order of `space.blocks`."""
        return [layer for part, layer in zip(self.space.parts, self.parts, strict=True) if part.stage is not None]

    @property
    def head(self) -> ElasticHead:
        """The layer of the head."""
        return self.parts[-1]

    @property
    def dropout(self) -> keras.layers.Dropout:
        """The dropout before the classifier."""
        return self.head.dropout

    def start_as_identity(self) -> None:
        """Let every block with a residual connection hand its input on unchanged, in place, before training begins.

        A deep network then learns as quickly as a shallow one at first.

        Reference: BigNAS, Yu et al., ECCV 2020 (arXiv 2003.11142), section 3.2, "Initialization".
        """
        for layer in self.blocks:
            layer.start_as_identity()

    def static_weights(self, arch: Arch) -> dict[str, list[np.ndarray]]:
        """Weights of one subnet's plain layers, sliced and transformed, by layer name.

        Raises:
            InputError: If `arch` is not of the space.
        """
        layers = {layer.name: layer for layer in self.parts}
        weights: dict[str, list[np.ndarray]] = {}
        for name, part in self.space.plain_parts(arch).items():
            layer = layers[name]
            prefix = layer.plain_prefix(name)
            for inner_name, values in layer.static_weights(part).items():
                weights[f"{prefix}{inner_name}"] = values
        return weights

    @functools.cached_property
    def statistics_estimator(self) -> Callable[[Any, Any, Any], None]:
        """A traced function of images, genes and momentum: updates the running statistics of a subnet.

        It is traced once, however many subnets and image sizes it is called for; see
        `calibrate_batch_norm`, which calls it.
        """
        return self.trace_statistics_estimator(Replicas())

    def trace_statistics_estimator(self, replicas: Replicas) -> Callable[[Any, Any, Any], None]:
        """`statistics_estimator`, in which each replica updates the statistics of its own, from its own images."""
        signature = (
            tf.TensorSpec((None, None, None, 3), tf.float32),
            tf.TensorSpec((self.space.num_genes,), tf.int32),
            tf.TensorSpec((), tf.float32),
        )

        def run(images: tf.Tensor, genes: tf.Tensor, momentum: tf.Tensor) -> None:
            self(images, genes, training=True, momentum=momentum)

        return replicas.trace(run, *signature)

    def fit(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not for a supernet, whose training draws subnets.

        Raises:
            InputError: Always; the message says what to use instead.
        """
        raise _not_for_supernets("fit", "Train with train_main.py, or ofa_tf.train(config, phases) in Python.")

    def evaluate(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not for a supernet, whose subnets are evaluated one by one.

        Raises:
            InputError: Always, as `fit` does.
        """
        raise _not_for_supernets("evaluate", "Measure a subnet: ofa_tf.open_run(workdir).evaluate(arch).")

    def predict(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Not for a supernet, whose subnets predict.

        Raises:
            InputError: Always, as `fit` does.
        """
        raise _not_for_supernets("predict", "Call a subnet: supernet(images, arch, training=False).")

    def _run_part(self, x: tf.Tensor, part: Part, layer: PartLayer, genes: Any, statistics: dict[str, Any]) -> Any:
        """Run a part as the genes choose it, or leave it out."""
        choices = {name: _choose(part, name, genes) for name in layer.elastic_arguments}

        def run() -> tf.Tensor:
            return layer(x, **choices, **statistics)

        if part.stage is None:
            return run()
        depths = self.space.layout.depth_choices(part.stage)
        if part.position < depths[0]:
            return run()  # never skipped
        depth_gene = genes[self.space.depth_genes][part.stage]
        if tf.is_tensor(depth_gene):
            is_active = part.position < tf.gather(tf.constant(depths), depth_gene)
            return tf.cond(is_active, run, lambda: x)
        if part.position < depths[depth_gene]:
            return run()
        return x


def _choose(part: Part, field: str, genes: Any) -> Any:
    """What the genes choose for a field of a part: an int where it does not depend on a tensor."""
    values = part.values(field).astype(np.int32)
    is_constant = (values == values.flat[0]).all()
    if is_constant:
        return int(values.flat[0])
    indices = [genes[gene] for gene in part.genes]
    if not tf.is_tensor(genes):
        return int(values[tuple(indices)])
    return tf.gather_nd(tf.constant(values), tf.stack(indices))


def _not_for_supernets(method: str, advice: str) -> InputError:
    return InputError(
        f"Expected a plain Keras model for `{method}`. Received: a supernet, which holds many networks. {advice}"
    )
