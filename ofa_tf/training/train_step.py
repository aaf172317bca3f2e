"""The traced functions of a training step."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.base.precision import get_precision
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.space.presets import get_search_space
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.distillation import DISTILLATION_LOSSES
from ofa_tf.training.losses import count_correct
from ofa_tf.training.phases import Teacher


@dataclasses.dataclass(frozen=True)
class _MicroBatch:
    """A part of a batch.

    Args:
        images: float32 `(images, height, width, 3)`.
        labels: int32 `(images,)`.
        share: Of the images of the batch.
    """

    images: tf.Tensor
    labels: tf.Tensor
    share: float


class TrainStep:
    """One optimizer step: teacher, n subnets with gradients added up, update.

    Subnets learn from labels and, beside them, from the full network's predictions; or,
    but for the first one, from what that one predicts in the same step (in-place
    distillation).

    A batch that does not fit into memory goes through the network in micro-batches. The
    update is that of the whole batch but for batch normalization, which then normalises with
    the statistics of each micro-batch, as it does with several devices.

    In float16 the loss is scaled up, as small gradients would be 0 otherwise; a step whose
    gradients overflow is left out, and the next ones are scaled less (Micikevicius et al.,
    "Mixed Precision Training", ICLR 2018, section 3.2).

    Each function is traced once and then serves every subnet, image size and
    phase; `num_traces` counts.

    Args:
        supernet: Trained in place.
        config: Optimizer and loss settings.

    Reference: Once-for-All, section 3.3 (Algorithm of progressive shrinking);
    gradients of a step's subnets are summed, as in its released code. In-place
    distillation: BigNAS, Yu et al., ECCV 2020, section 3.2.
    """

    def __init__(self, supernet: Supernet, config: TrainConfig) -> None:
        self.supernet = supernet
        self._sgd = keras.optimizers.SGD(learning_rate=0.0, momentum=config.momentum, nesterov=True)
        self._loss_scaler = None
        self.optimizer = self._sgd
        if get_precision(config.mixed_precision).scales_loss:
            self._loss_scaler = keras.optimizers.LossScaleOptimizer(self._sgd)
            self.optimizer = self._loss_scaler
        self.optimizer.build(supernet.trainable_variables)
        self.num_traces = 0
        self._config = config
        self._loss = DISTILLATION_LOSSES[config.distillation_loss]
        self._teacher: Supernet | None = None
        # The sums of a step's gradients, one for each trainable variable.
        self._gradients = []
        for variable in supernet.trainable_variables:
            total = tf.Variable(tf.zeros(variable.shape), trainable=False, name="gradient")
            self._gradients.append(total)

        images = tf.TensorSpec((None, None, None, 3), tf.float32)
        targets = tf.TensorSpec((None, self._loss.num_columns(supernet.num_classes)), tf.float32)
        labels = tf.TensorSpec((None,), tf.int32)
        genes = tf.TensorSpec((supernet.space.num_genes,), tf.int32)
        dropout_seed = tf.TensorSpec((2,), tf.int32)
        scalar = tf.TensorSpec((), tf.float32)
        self._accumulate = _traced_once(
            self._accumulate_gradients, images, targets, labels, genes, dropout_seed, scalar
        )
        self._apply = _traced_once(self._apply_gradients, scalar)
        self._predict = _traced_once(self._teacher_logits, images)

    @property
    def teacher(self) -> Supernet:
        """The full network whose predictions are distilled; built when first needed."""
        return self.build_teacher()

    def build_teacher(self) -> Supernet:
        """Build the teacher if that was not done before."""
        if self._teacher is None:
            # A subnet that is trained alone learns from the full network of its whole space.
            space = get_search_space(self._config.space)
            self._teacher = build_supernet(space, self.supernet.num_classes, dtype=self.supernet.dtype_policy)
        return self._teacher

    def reset_optimizer(self) -> None:
        """Forget the momentum and by how much the loss is scaled, as a new phase does.

        The phase then takes the same steps, whether it was begun by the program that trained the one before or not.
        """
        for variable in self._sgd.variables:
            variable.assign(tf.zeros(variable.shape, variable.dtype))
        if self._loss_scaler is not None:
            self._loss_scaler.step_counter.assign(0)
            self._loss_scaler.dynamic_scale.assign(self._loss_scaler.initial_scale)

    def __call__(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        genes: np.ndarray,
        *,
        learning_rate: float,
        dropout_seed: tuple[int, int],
        teacher: Teacher,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Take one step, or hand it to the device, which may still be at it.

        Args:
            images: float32 `(batch, height, width, 3)`.
            labels: int32 `(batch,)`.
            genes: Subnets, int32 `(n, num_genes)`.
            learning_rate: Of this step.
            dropout_seed: Seed of the run and number of the step, which decide what is dropped.
            teacher: Whose predictions are distilled. `LARGEST_OF_STEP` is the first subnet.

        Returns:
            Loss and accuracy, means over the subnets, float32 scalars; who reads them waits for
            the step's end.
        """
        batches = self._split(images, labels)
        targets = [self._make_targets(batch, self._ask_teacher(batch, teacher)) for batch in batches]
        run_seed, step = dropout_seed
        losses = []
        counts = []
        for index, row in enumerate(genes):
            number = step * len(genes) + index  # of the subnet in the whole phase
            for part, batch in enumerate(batches):
                seed = tf.constant([run_seed, number * len(batches) + part], tf.int32)
                share = tf.constant(batch.share, tf.float32)
                loss, num_correct, logits = self._accumulate(
                    batch.images, targets[part], batch.labels, row, seed, share
                )
                losses.append(loss)
                counts.append(num_correct)
                if index == 0 and teacher is Teacher.LARGEST_OF_STEP:
                    targets[part] = self._make_targets(batch, logits)
        self._apply(tf.constant(learning_rate, tf.float32))
        mean_loss = tf.add_n(losses) / len(genes)
        num_predictions = len(genes) * images.shape[0]
        accuracy = tf.cast(tf.add_n(counts), tf.float32) / num_predictions
        return mean_loss, accuracy

    def _split(self, images: tf.Tensor, labels: tf.Tensor) -> list[_MicroBatch]:
        """The micro-batches of a batch; the last one may be smaller."""
        batch_size = images.shape[0]
        micro_batch_size = self._config.micro_batch_size or batch_size
        if micro_batch_size >= batch_size:
            return [_MicroBatch(images, labels, 1.0)]
        batches = []
        for start in range(0, batch_size, micro_batch_size):
            end = min(start + micro_batch_size, batch_size)
            batches.append(_MicroBatch(images[start:end], labels[start:end], (end - start) / batch_size))
        return batches

    def _ask_teacher(self, batch: _MicroBatch, teacher: Teacher) -> tf.Tensor | None:
        """The logits of the full network; `None` where another one teaches, or nobody."""
        if teacher is not Teacher.FULL_NETWORK:
            return None
        # Outside of the trace: one that makes variables is traced twice.
        self.build_teacher()
        logits: tf.Tensor = self._predict(batch.images)
        return logits

    def _make_targets(self, batch: _MicroBatch, teacher_logits: tf.Tensor | None) -> tf.Tensor:
        """What predictions are compared with."""
        return self._loss.make_targets(
            batch.labels,
            self.supernet.num_classes,
            self._config.label_smoothing,
            teacher_logits,
            self._config.distillation_weight,
        )

    def _accumulate_gradients(
        self,
        images: tf.Tensor,
        targets: tf.Tensor,
        labels: tf.Tensor,
        genes: tf.Tensor,
        dropout_seed: tf.Tensor,
        share: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Add a subnet's gradients to the sums: its share of the loss, how many images it gets right, its logits."""
        self.num_traces += 1
        if self.supernet.dropout_rate:
            state = self.supernet.dropout.seed_generator.state
            state.assign(tf.cast(dropout_seed, state.dtype))
        with tf.GradientTape() as tape:
            # Running statistics are left alone: calibration sets them before anyone looks at them.
            logits = self.supernet(images, genes, training=True, update_statistics=False)
            loss = share * self._loss(targets, logits)
            scaled_loss = self._scale_loss(loss)
        variables = [variable.value for variable in self.supernet.trainable_variables]
        gradients = tape.gradient(scaled_loss, variables)
        for total, gradient in zip(self._gradients, gradients, strict=True):
            total.assign_add(gradient)
        return loss, count_correct(labels, logits), logits

    def _apply_gradients(self, learning_rate: tf.Tensor) -> None:
        """Update the supernet by the summed gradients, and begin new sums."""
        self.num_traces += 1
        variables = self.supernet.trainable_variables
        decayed = []
        for total, variable in zip(self._gradients, variables, strict=True):
            decayed.append(self._with_weight_decay(total, variable))
        self._sgd.learning_rate.assign(learning_rate)
        self.optimizer.apply(decayed, variables)
        for total in self._gradients:
            total.assign(tf.zeros_like(total))

    def _with_weight_decay(self, total: tf.Variable, variable: keras.Variable) -> tf.Tensor:
        """A summed gradient and that of the L2 penalty, both of the scaled loss."""
        # Biases and batch normalization's parameters are vectors; everything else decays.
        is_vector = len(variable.shape) <= 1
        if is_vector or not self._config.weight_decay:
            return total.value()
        return total + self._scale_loss(self._config.weight_decay * variable.value)

    def _scale_loss(self, loss: tf.Tensor) -> tf.Tensor:
        """What the optimizer divides by, multiplied: a loss, or a gradient; as it is unless the precision scales."""
        if self._loss_scaler is None:
            return loss
        scaled: tf.Tensor = self._loss_scaler.scale_loss(loss)
        return scaled

    def _teacher_logits(self, images: tf.Tensor) -> tf.Tensor:
        """What the full network predicts, `(batch, num_classes)`."""
        self.num_traces += 1
        largest = self.teacher.space.largest()
        # The teacher normalises with the batch's statistics, as in the paper's code, and keeps its own.
        return self.teacher(images, largest, training=True, update_statistics=False)


def _traced_once(function: Callable, *signature: tf.TensorSpec) -> Callable:
    """`function` as one graph, whatever the number and the size of the images."""
    return tf.function(function, input_signature=signature, autograph=False)
