"""The traced functions of a training step."""

import dataclasses
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.base.compute_precision import get_compute_precision
from ofa_tf.base.errors import InputError
from ofa_tf.base.replicas import Replicas, assign_here
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.space.presets import get_search_space
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.distillation import DISTILLATION_LOSSES
from ofa_tf.training.fused_sgd import FusedSGD
from ofa_tf.training.losses import count_correct
from ofa_tf.training.phases import Teacher

# Below it the loss is scaled down: what does not fit into float16 then is no matter of small gradients.
_LEAST_LOSS_SCALE = 1.0


class StepResult(NamedTuple):
    """What a step tells: float32 scalars; reading one waits for the step's end.

    Args:
        loss: Mean over its subnets and the images of all workers.
        accuracy: Share of right predictions, the same mean.
        num_stopping: Replicas whose worker wants to stop: all workers learn it from the same step.
    """

    loss: tf.Tensor
    accuracy: tf.Tensor
    num_stopping: tf.Tensor


@dataclasses.dataclass(frozen=True)
class _MicroBatch:
    """A part of a batch, on each replica another.

    Args:
        images: float32 `(images, height, width, 3)`, dealt out to replicas, see `Replicas`.
        labels: int32 `(images,)`, dealt out alike.
        share: Of the images of one replica's part in the batch of all replicas.
    """

    images: Any
    labels: Any
    share: float


class TrainStep:
    """One optimizer step: teacher, n subnets with gradients added up, update.

    Subnets learn from labels and, beside them, from the full network's predictions; or,
    but for the first one, from what that one predicts in the same step (in-place
    distillation).

    A batch that does not fit into memory goes through the network in micro-batches. The
    update is that of the whole batch but for batch normalization, which then normalises with
    the statistics of each micro-batch.

    Several replicas share a batch. All train the same subnets, each on its own images and with
    its own dropout; their gradients are added up once a step, before weight decay and update.
    That, too, is the update of the whole batch but for batch normalization: the one of a single
    device whose micro-batches are the replicas' shares.

    In float16 the loss is scaled up, as small gradients would be 0 otherwise; a step whose
    gradients overflow is left out, and the next ones are scaled less (Micikevicius et al.,
    "Mixed Precision Training", ICLR 2018, section 3.2).

    Each function is traced once and then serves every subnet, image size and
    phase; `num_traces` counts.

    Args:
        supernet: Trained in place.
        config: Optimizer and loss settings.
        replicas: Where the supernet was built; one device by default.

    Reference: Once-for-All, section 3.3 (Algorithm of progressive shrinking);
    gradients of a step's subnets are summed, as in its released code. In-place
    distillation: BigNAS, Yu et al., ECCV 2020, section 3.2.
    """

    def __init__(
        self,
        supernet: Supernet,
        config: TrainConfig,
        replicas: Replicas | None = None,
    ) -> None:
        self.supernet = supernet
        self.num_traces = 0
        self._config = config
        self._replicas = replicas or Replicas()
        self._loss = DISTILLATION_LOSSES[config.distillation_loss]
        self._teacher: Supernet | None = None
        with self._replicas.scope():
            self._sgd = FusedSGD(learning_rate=0.0, momentum=config.momentum, nesterov=True)
            self._loss_scaler = None
            self.optimizer = self._sgd
            if get_compute_precision(config.mixed_precision).scales_loss:
                self._loss_scaler = keras.optimizers.LossScaleOptimizer(self._sgd)
                self.optimizer = self._loss_scaler
            self.optimizer.build(supernet.trainable_variables)
            # The sums of a step's gradients, one for each trainable variable, and of its losses and right predictions.
            self._gradients = [_make_sum(variable.shape) for variable in supernet.trainable_variables]
            self._loss_sum = _make_sum(())
            self._num_correct = _make_sum(())

        images = tf.TensorSpec((None, None, None, 3), tf.float32)
        targets = tf.TensorSpec((None, self._loss.num_columns(supernet.num_classes)), tf.float32)
        labels = tf.TensorSpec((None,), tf.int32)
        genes = tf.TensorSpec((supernet.space.num_genes,), tf.int32)
        dropout_seed = tf.TensorSpec((2,), tf.int32)
        scalar = tf.TensorSpec((), tf.float32)
        trace = self._replicas.trace
        self._accumulate = trace(self._accumulate_gradients, images, targets, labels, genes, dropout_seed, scalar)
        self._apply = self._replicas.trace_update(self._apply_gradients, scalar, scalar)
        self._predict = trace(self._teacher_logits, images)

    @property
    def teacher(self) -> Supernet:
        """The full network whose predictions are distilled; built when first needed."""
        return self.build_teacher()

    def build_teacher(self) -> Supernet:
        """Build the teacher if that was not done before."""
        if self._teacher is None:
            # A subnet that is trained alone learns from the full network of its whole space.
            space = get_search_space(self._config.space)
            with self._replicas.scope():
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

    def check_overflows(self) -> None:
        """Check that gradients are not too large for float16 even where the loss is hardly scaled.

        Raises:
            InputError: If they are: nothing is learnt then.
        """
        if self._loss_scaler is None:
            return
        scale = float(self._loss_scaler.dynamic_scale)
        if scale < _LEAST_LOSS_SCALE:
            raise InputError(
                f"Expected gradients that float16 can hold. Received: overflows, down to a loss scale of {scale:g}. "
                "Pass --mixed_precision=bfloat16, in another --workdir, or lower the learning rate."
            )

    def __call__(
        self,
        images: tf.Tensor,
        labels: tf.Tensor,
        genes: np.ndarray,
        *,
        learning_rate: float,
        dropout_seed: tuple[int, int],
        teacher: Teacher,
        wants_to_stop: bool = False,
    ) -> StepResult:
        """Take one step, or hand it to the devices, which may still be at it.

        Args:
            images: float32 `(batch, height, width, 3)`; with several workers, this worker's.
            labels: int32 `(batch,)`.
            genes: Subnets, int32 `(n, num_genes)`.
            learning_rate: Of this step.
            dropout_seed: Seed of the run and number of the step, which decide what is dropped.
            teacher: Whose predictions are distilled. `LARGEST_OF_STEP` is the first subnet.
            wants_to_stop: Whether this worker wants to.
        """
        batches = self._split(images, labels)
        targets = [self._make_targets(batch, self._ask_teacher(batch, teacher)) for batch in batches]
        run_seed, step = dropout_seed
        for index, row in enumerate(genes):
            number = step * len(genes) + index  # of the subnet in the whole phase
            for part, batch in enumerate(batches):
                seeds = self._dropout_seeds(run_seed, number, part, len(batches))
                share = tf.constant(batch.share, tf.float32)
                logits = self._accumulate(batch.images, targets[part], batch.labels, row, seeds, share)
                if index == 0 and teacher is Teacher.LARGEST_OF_STEP:
                    targets[part] = self._make_targets(batch, logits)
        stop_flag = tf.constant(wants_to_stop, tf.float32)
        loss, num_correct, num_stopping = self._apply(tf.constant(learning_rate, tf.float32), stop_flag)
        num_predictions = len(genes) * len(images) * self._replicas.num_workers
        return StepResult(loss / len(genes), num_correct / num_predictions, num_stopping)

    def _split(self, images: tf.Tensor, labels: tf.Tensor) -> list[_MicroBatch]:
        """The micro-batches of a batch; the last one may be smaller."""
        replicas = self._replicas
        num_images = len(images) // replicas.num_local  # of one replica
        images, labels = replicas.deal(images), replicas.deal(labels)
        micro_batch_size = self._config.micro_batch_size or num_images
        if micro_batch_size >= num_images:
            return [_MicroBatch(images, labels, 1.0 / replicas.num_replicas)]
        batches = []
        for start in range(0, num_images, micro_batch_size):
            end = min(start + micro_batch_size, num_images)
            share = (end - start) / num_images / replicas.num_replicas
            part = slice(start, end)
            batches.append(_MicroBatch(self._cut(images, part), self._cut(labels, part), share))
        return batches

    def _cut(self, values: Any, part: slice) -> Any:
        """Some of the images or labels of each replica."""
        return self._replicas.each(lambda local_values: local_values[part], values)

    def _dropout_seeds(self, run_seed: int, number: int, part: int, num_parts: int) -> Any:
        """Another seed for each subnet and each part of the batch, whichever replica has it.

        Args:
            run_seed: Seed of the run.
            number: Of the subnet in the whole phase.
            part: Number of the micro-batch.
            num_parts: Micro-batches of one replica.
        """
        first_replica = self._replicas.worker * self._replicas.num_local
        seeds = []
        for index in range(self._replicas.num_local):
            place = (first_replica + index) * num_parts + part
            num_places = self._replicas.num_replicas * num_parts
            seeds.append(tf.constant([run_seed, number * num_places + place], tf.int32))
        return self._replicas.dealt(seeds)

    def _ask_teacher(self, batch: _MicroBatch, teacher: Teacher) -> Any:
        """The logits of the full network; `None` where another one teaches, or nobody."""
        if teacher is not Teacher.FULL_NETWORK:
            return None
        # Outside of the trace: one that makes variables is traced twice.
        self.build_teacher()
        return self._predict(batch.images)

    def _make_targets(self, batch: _MicroBatch, teacher_logits: Any) -> Any:
        """What predictions are compared with."""
        return self._replicas.each(
            self._loss.make_targets,
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
    ) -> tf.Tensor:
        """Add a subnet's gradients, its share of the loss and how many images it gets right to the sums: its logits."""
        self.num_traces += 1
        if self.supernet.dropout_rate:
            state = self.supernet.dropout.seed_generator.state
            assign_here(state.value, tf.cast(dropout_seed, state.dtype))
        with tf.GradientTape() as tape:
            # Running statistics are left alone: calibration sets them before anyone looks at them.
            logits = self.supernet(images, genes, training=True, update_statistics=False)
            loss = share * self._loss(targets, logits)
            scaled_loss = self._scale_loss(loss)
        variables = [variable.value for variable in self.supernet.trainable_variables]
        gradients = tape.gradient(scaled_loss, variables)
        for total, gradient in zip(self._gradients, gradients, strict=True):
            total.assign_add(gradient)
        self._loss_sum.assign_add(loss)
        self._num_correct.assign_add(tf.cast(count_correct(labels, logits), tf.float32))
        return logits

    def _apply_gradients(
        self, learning_rate: tf.Tensor, stop_flag: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Update the supernet by the summed gradients, and begin new sums.

        Returns:
            Sums of losses, of right predictions and of the stop flags of all replicas.
        """
        self.num_traces += 1
        variables = self.supernet.trainable_variables
        # One reduction: all that replicas have to tell each other in a step.
        *gradients, loss, num_correct, num_stopping = self._replicas.total(lambda: [*self._take_sums(), stop_flag])
        decayed = []
        for gradient, variable in zip(gradients, variables, strict=True):
            decayed.append(self._with_weight_decay(gradient, variable))
        self._sgd.learning_rate.assign(learning_rate)
        self._replicas.apply(self.optimizer, decayed, variables)
        return loss, num_correct, num_stopping

    def _take_sums(self) -> list[tf.Tensor]:
        """The sums of one replica, which begin anew."""
        values = []
        for total in [*self._gradients, self._loss_sum, self._num_correct]:
            value = total.value()
            total.assign(tf.zeros_like(value))
            values.append(value)
        return values

    def _with_weight_decay(self, gradient: tf.Tensor, variable: keras.Variable) -> tf.Tensor:
        """A summed gradient and that of the L2 penalty, both of the scaled loss."""
        # Biases and batch normalization's parameters are vectors; everything else decays.
        is_vector = len(variable.shape) <= 1
        if is_vector or not self._config.weight_decay:
            return gradient
        return gradient + self._scale_loss(self._config.weight_decay * variable.value)

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


def _make_sum(shape: tuple[int, ...]) -> tf.Variable:
    """A sum of its own on each replica, 0 at first."""
    return tf.Variable(
        tf.zeros(shape),
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.SUM,
        name="sum",
    )
