"""`SharedWeights`: one set of weights for all subnets of a space, of which one is trained in a step."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from ofa_tf.data.batches import steps_per_epoch
from ofa_tf.data.image_source import ImageSource
from ofa_tf.networks.supernet import build_supernet
from ofa_tf.training.config import PhaseConfig, TrainConfig
from ofa_tf.training.losses import count_correct
from ofa_tf.training.phases import Teacher
from ofa_tf.training.schedules import PhaseSchedule
from ofa_tf.training.train_step import StepResult, TrainStep


class SharedWeights:
    """A supernet that is trained on labels alone, one subnet a step.

    The step is that of all trainings of the project, traced once for all subnets. There is no dropout, as weights of
    which a part is trained in each step do not overfit in the time of a search.

    Args:
        config: Optimizer and loss settings.
        source: Images.
        recipe: How long it is trained, and with which learning rate.
    """

    def __init__(self, config: TrainConfig, source: ImageSource, recipe: PhaseConfig) -> None:
        self._config = config
        self.source = source
        self.space = config.search_space
        self.supernet = build_supernet(self.space, source.num_classes, dropout_rate=0.0, seed=config.seed)
        if config.start_as_identity:
            self.supernet.start_as_identity()
        self.steps_per_epoch = steps_per_epoch(source, config.batch_size)
        self.schedule = PhaseSchedule(recipe, self.steps_per_epoch)
        self._first_weights = self.supernet.get_weights()
        self._train_step = TrainStep(self.supernet, config)
        signature = (
            tf.TensorSpec((None, None, None, 3), tf.float32),
            tf.TensorSpec((None,), tf.int32),
            tf.TensorSpec((self.space.num_genes,), tf.int32),
        )
        self._count_correct = tf.function(self._count, signature, autograph=False)

    def start_anew(self) -> None:
        """Put the weights back to what they were at first, and forget the momentum."""
        self.supernet.set_weights(self._first_weights)
        self._train_step.reset_optimizer()

    def get_state(self) -> list[np.ndarray]:
        """Weights and momentum; `set_state` puts them back."""
        return [*self.supernet.get_weights(), *[variable.numpy() for variable in self._train_step.optimizer.variables]]

    def set_state(self, arrays: Sequence[np.ndarray]) -> None:
        """Reverse `get_state`."""
        num_weights = len(self._first_weights)
        self.supernet.set_weights(arrays[:num_weights])
        for variable, value in zip(self._train_step.optimizer.variables, arrays[num_weights:], strict=True):
            variable.assign(value)

    def train(self, images: tf.Tensor, labels: tf.Tensor, genes: np.ndarray, step: int) -> StepResult:
        """Train one subnet for one step.

        Args:
            images: float32 `(batch, size, size, 3)`.
            labels: int32 `(batch,)`.
            genes: Of the subnet, int32 `(num_genes,)`.
            step: Number of the step, from 0, which decides the learning rate.
        """
        return self._train_step(
            images,
            labels,
            genes[np.newaxis],
            learning_rate=self.schedule.learning_rate(step),
            dropout_seed=(self._config.seed, step),
            teacher=Teacher.NOBODY,
        )

    def top1(self, images: tf.Tensor, labels: tf.Tensor, genes: np.ndarray) -> float:
        """Share of images that a subnet gets right, normalised by their own statistics.

        So it needs no BN calibration, which would take several times as long.

        Args:
            images: float32 `(batch, size, size, 3)`.
            labels: int32 `(batch,)`.
            genes: Of the subnet, int32 `(num_genes,)`.
        """
        return float(self._count_correct(images, labels, genes)) / len(labels)

    def _count(self, images: tf.Tensor, labels: tf.Tensor, genes: tf.Tensor) -> tf.Tensor:
        logits = self.supernet(images, genes, training=True, update_statistics=False)
        return count_correct(labels, logits)
