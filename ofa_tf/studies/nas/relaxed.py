"""The search by relaxing: probabilities of choices are learnt by gradients, as weights are.

A network runs with all choices at once (`relaxed_network.py`), and its expected latency is part of the loss
(`expected_latency.py`). Weights are trained with one half of the training images, probabilities with the other, in
turns, each with the other held fixed (first order). In the first quarter of the steps only weights are trained.

Without more, all choices would stay nearly as likely as at first: small differences are enough for an expected latency
at the budget, and the arch of the most probable choices is then another network than the mixture that was trained, and
much faster than the budget. So the temperature of the softmax falls in the course of the search, until the mixture is
nearly one arch.

The image size is not relaxed: a network sees images of one size. As in the papers it is chosen beforehand: the middle
one, or the next smaller one that the budget allows.

Reference: DARTS, Liu et al., ICLR 2019, section 2.3 (first-order approximation); Single-Path NAS, Stamoulis et al.,
ECML PKDD 2019, section 3; the falling temperature: FBNet, Wu et al., CVPR 2019, section 3.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.data.batches import steps_per_epoch, train_batches
from ofa_tf.data.checked_batches import CheckedBatches
from ofa_tf.data.image_source import ImageSource
from ofa_tf.networks.supernet import build_supernet
from ofa_tf.space.arch import Arch
from ofa_tf.studies.nas.arch_distribution import ArchDistribution
from ofa_tf.studies.nas.budget_fitting import most_probable_within
from ofa_tf.studies.nas.epoch_search import run_epochs
from ofa_tf.studies.nas.expected_latency import ExpectedLatency
from ofa_tf.studies.nas.images import data_seed, open_source_of
from ofa_tf.studies.nas.relaxed_network import RelaxedNetwork
from ofa_tf.studies.nas.search_task import FoundArch, SearchTask
from ofa_tf.studies.nas.training_halves import TrainingHalf
from ofa_tf.training.fused_sgd import FusedSGD
from ofa_tf.training.losses import cross_entropy, make_targets
from ofa_tf.training.schedules import PhaseSchedule

_NAME = "relaxed"

# Share of the steps in which weights are trained alone.
_WARMUP_SHARE = 0.25

# Weight of the relative difference between expected latency and budget, beside the cross entropy.
_LATENCY_WEIGHT = 1.0

# Of Adam, for the logits of the probabilities. Its betas are those of DARTS; the rate there, 0.0003, is for twenty
# thousand steps.
_LOGITS_LEARNING_RATE = 0.02
_LOGITS_BETAS = (0.5, 0.999)

# By how much the logits are divided at last; by 1 at first.
_LAST_TEMPERATURE = 0.05

_WEIGHTS = "weights"
_CHOICES = "choices"


def find_relaxed(task: SearchTask) -> FoundArch:
    """Find a subnet for a latency budget by gradients.

    Args:
        task: What is looked for. An epoch is a pass over each half of the training images, so that a search sees as
            many as one that passes over all of them.

    Returns:
        The arch of the most probable choices, see `most_probable_within`. Its notes have the `entropy` of the choices
        and the `expected_latency_ms` after each epoch.

    Raises:
        InputError: If the space has choices that cannot be relaxed.
    """
    search = RelaxedSearch(task, open_source_of(task.config), choose_image_size(task))
    return run_epochs(task, _NAME, search)


def choose_image_size(task: SearchTask) -> int:
    """The middle image size of a space, or the next smaller one whose smallest subnet is within the budget, pixels."""
    space = task.config.search_space
    middle = (len(space.image_sizes) - 1) // 2
    for index in range(middle, 0, -1):
        image_size = space.image_sizes[index]
        smallest = space.smallest(image_size)
        if float(task.latency_model.predict(smallest)) <= task.budget_ms:
            return image_size
    return space.image_sizes[0]


class RelaxedSearch:
    """A search in progress: the network, the logits of its choices, and how both learn.

    Args:
        task: What is looked for.
        source: Images.
        image_size: Height and width of the images, pixels.
    """

    def __init__(self, task: SearchTask, source: ImageSource, image_size: int) -> None:
        self._task = task
        self._halves = [TrainingHalf(source, half) for half in range(2)]
        num_epoch_steps = min(steps_per_epoch(half, task.config.batch_size) for half in self._halves)
        self._schedule = PhaseSchedule(task.recipe, num_epoch_steps)
        self.num_steps = self._schedule.num_steps
        self._space = task.config.search_space
        self._image_size = image_size
        supernet = build_supernet(self._space, source.num_classes, dropout_rate=0.0, seed=task.config.seed)
        if task.config.start_as_identity:
            supernet.start_as_identity()
        self.network = RelaxedNetwork(supernet)
        self.expected_latency = ExpectedLatency(task.latency_model, image_size)
        distribution = ArchDistribution(self._space)
        self.logits = tf.Variable(distribution.logits, dtype=tf.float32, name="logits")
        self._temperature = tf.Variable(1.0, trainable=False, name="temperature")
        self._is_choice = tf.constant(distribution.is_choice)
        self._weights = supernet.trainable_variables
        self._weights_optimizer = FusedSGD(learning_rate=0.0, momentum=task.config.momentum, nesterov=True)
        self._weights_optimizer.build(self._weights)
        beta_1, beta_2 = _LOGITS_BETAS
        self._logits_optimizer = keras.optimizers.Adam(_LOGITS_LEARNING_RATE, beta_1=beta_1, beta_2=beta_2)
        self._logits_optimizer.build([self.logits])
        images = tf.TensorSpec((None, None, None, 3), tf.float32)
        labels = tf.TensorSpec((None,), tf.int32)
        rate = tf.TensorSpec((), tf.float32)
        self._train_weights = tf.function(self._step_of_weights, (images, labels, rate), autograph=False)
        self._train_choices = tf.function(self._step_of_choices, (images, labels), autograph=False)

    def run_epoch(self, epoch: int) -> Iterator[int]:
        """Take the steps of an epoch, with weights and choices in turns; yields after each."""
        of_weights, of_choices = self._halves
        num_epoch_steps = self._schedule.steps_per_epoch
        num_warmup_steps = round(_WARMUP_SHARE * self.num_steps)
        steps = range(epoch * num_epoch_steps, (epoch + 1) * num_epoch_steps)
        weights_batches = self._read_epoch(of_weights, _WEIGHTS, epoch)
        choices_batches = self._read_epoch(of_choices, _CHOICES, epoch)
        for step, weights_batch, choices_batch in zip(steps, weights_batches, choices_batches, strict=True):
            images, labels = weights_batch
            self.train_weights(images, labels, self._schedule.learning_rate(step))
            if step >= num_warmup_steps:
                self.cool((step - num_warmup_steps) / (self.num_steps - num_warmup_steps))
                images, labels = choices_batch
                self.train_choices(images, labels)
            yield step

    def _read_epoch(self, half: TrainingHalf, use: str, epoch: int) -> CheckedBatches:
        """The batches of an epoch of a half of the training images, in another order for each use."""
        config = self._task.config
        return train_batches(
            half,
            batch_size=config.batch_size,
            epoch=epoch,
            seed=data_seed(config.seed, f"{_NAME}/{use}"),
            image_sizes=[self._image_size] * self._schedule.steps_per_epoch,
            augmentation=config.augmentation,
        )

    def train_weights(self, images: tf.Tensor, labels: tf.Tensor, learning_rate: float) -> None:
        """Take a step with the weights, the probabilities held fixed."""
        self._train_weights(images, labels, tf.constant(learning_rate, tf.float32))

    def train_choices(self, images: tf.Tensor, labels: tf.Tensor) -> None:
        """Take a step with the probabilities, the weights held fixed."""
        self._train_choices(images, labels)

    def cool(self, progress: float) -> None:
        """Set the temperature, which falls exponentially.

        Args:
            progress: Of the steps in which choices are trained, from 0 to 1.
        """
        self._temperature.assign(_LAST_TEMPERATURE**progress)

    def probabilities(self) -> tf.Tensor:
        """Of each choice of each gene, float32 `(num_genes, most choices)`; 0 where there is none."""
        logits = tf.where(self._is_choice, self.logits / self._temperature, -np.inf)
        return tf.nn.softmax(logits)

    def get_state(self) -> list[np.ndarray]:
        """All that is learnt, and by what; `set_state` puts it back."""
        return [variable.numpy() for variable in self._state_variables]

    def set_state(self, arrays: Sequence[np.ndarray]) -> None:
        """Reverse `get_state`."""
        for variable, value in zip(self._state_variables, arrays, strict=True):
            variable.assign(value)

    @property
    def _state_variables(self) -> list[Any]:
        return [
            *self.network.supernet.weights,
            *self._weights_optimizer.variables,
            self.logits,
            self._temperature,
            *self._logits_optimizer.variables,
        ]

    def describe(self) -> dict[str, float]:
        """How undecided the choices are, and the latency that they come to."""
        return {
            "entropy": self._distribution().entropy(),
            "expected_latency_ms": float(self.expected_latency(self.probabilities())),
        }

    def find(self) -> Arch:
        """The arch of the most probable choices that is within the budget, of the image size of the search."""
        log_probabilities = self._distribution().log_probabilities()
        gene = self._space.image_size_gene
        index = self._space.image_sizes.index(self._image_size)
        log_probabilities[gene] = -np.inf
        log_probabilities[gene, index] = 0.0
        genes = most_probable_within(
            self._space, log_probabilities, self._task.latency_model.predict, self._task.budget_ms
        )
        return self._space.decode_one(genes)

    def _distribution(self) -> ArchDistribution:
        return ArchDistribution(self._space, self.logits.numpy() / self._temperature.numpy())

    def _step_of_weights(self, images: tf.Tensor, labels: tf.Tensor, learning_rate: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = self._cross_entropy(images, labels, tf.stop_gradient(self.probabilities()))
        gradients = tape.gradient(loss, [variable.value for variable in self._weights])
        used = []
        decayed = []
        for gradient, variable in zip(gradients, self._weights, strict=True):
            if gradient is None:
                continue  # of a kernel transform, which is not used
            if len(variable.shape) > 1:  # as in all trainings, biases and normalization do not decay
                gradient += self._task.config.weight_decay * variable.value
            used.append(variable)
            decayed.append(gradient)
        self._weights_optimizer.learning_rate.assign(learning_rate)
        self._weights_optimizer.apply(decayed, used)

    def _step_of_choices(self, images: tf.Tensor, labels: tf.Tensor) -> None:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.logits)
            loss = self.choices_loss(images, labels, self.probabilities())
        gradient = tape.gradient(loss, self.logits)
        self._logits_optimizer.apply([gradient], [self.logits])

    def choices_loss(self, images: tf.Tensor, labels: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        """What probabilities are learnt by: cross entropy, and how far the expected latency is from the budget."""
        latency_ms = self.expected_latency(probabilities)
        excess = tf.abs(latency_ms / self._task.budget_ms - 1)
        return self._cross_entropy(images, labels, probabilities) + _LATENCY_WEIGHT * excess

    def _cross_entropy(self, images: tf.Tensor, labels: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
        logits = self.network(images, probabilities, training=True)
        targets = make_targets(labels, self.network.supernet.num_classes, self._task.config.label_smoothing)
        return cross_entropy(targets, logits)
