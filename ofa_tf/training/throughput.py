"""Training throughput of a supernet, beside that of its largest network alone."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.networks.subnet import build_subnet
from ofa_tf.networks.supernet import build_supernet
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.phases import Teacher
from ofa_tf.training.train_step import TrainStep

_RANDOM_ARCHS = "supernet, random archs"
_LARGEST_ARCH = "supernet, largest arch"
_PLAIN = "largest subnet, plain Keras"
_EAGER = "supernet, random archs, eager"

# What the others are compared with.
REFERENCES = (_PLAIN, _LARGEST_ARCH)

_NUM_CLASSES = 1000
_LEARNING_RATE = 1e-4


@dataclasses.dataclass(frozen=True)
class Throughput:
    """Images/s of one way to train: forward, backward and update.

    Args:
        name: What was trained how.
        images_per_second: Median over the steps of all rounds.
        first_step_seconds: Time of the first step, tracing included.
    """

    name: str
    images_per_second: float
    first_step_seconds: float


def measure_throughput(
    space_name: str,
    *,
    batch_size: int,
    image_size: int,
    num_rounds: int,
    steps_per_round: int,
    with_eager: bool = True,
) -> Iterator[Throughput]:
    """Measure several ways to train, in turns, so that drift hits all alike.

    Random archs in the traced graph; the largest arch in that same graph; the
    largest subnet as a plain Keras model in a graph of its own; random archs
    eagerly. Each way sees the same archs twice and is measured the second time.

    Args:
        space_name: Search space.
        batch_size: Images in a step.
        image_size: Pixels.
        num_rounds: Turns.
        steps_per_round: Steps of each way in a turn.
        with_eager: Whether to measure eager execution, which is slow.
    """
    num_steps = num_rounds * steps_per_round
    space = get_search_space(space_name)
    config = TrainConfig(workdir="unused", phases={}, space=space_name, batch_size=batch_size)
    images = tf.random.stateless_normal((batch_size, image_size, image_size, 3), seed=(0, 0))
    labels = tf.zeros((batch_size,), tf.int32)
    genes = space.sample_genes(np.random.default_rng(0), num_steps)
    largest = np.repeat(space.encode(space.largest())[None], num_steps, axis=0)

    step = TrainStep(build_supernet(space, _NUM_CLASSES, seed=0), config)
    ways = [
        _Way(_RANDOM_ARCHS, _supernet_step(step, images, labels, genes), num_steps, steps_per_round),
        _Way(_LARGEST_ARCH, _supernet_step(step, images, labels, largest), num_steps, steps_per_round),
        _Way(_PLAIN, _plain_step(space, config, images, labels), num_steps, steps_per_round),
    ]
    if with_eager:
        run_eagerly = _eager_step(space, config, images, labels, genes)
        ways.append(_Way(_EAGER, run_eagerly, num_warmup_steps=1, steps_per_round=1))
    yield from _measure(ways, batch_size, num_rounds, steps_per_round)


# Takes the training step of a number.
_Step = Callable[[int], None]


@dataclasses.dataclass(frozen=True)
class _Way:
    """A way to train.

    Args:
        name: What is trained how.
        run: Takes a step.
        num_warmup_steps: Steps before the measurement, so that kernels of all shapes exist.
        steps_per_round: Steps measured in a round: fewer for a way that is slow.
    """

    name: str
    run: _Step
    num_warmup_steps: int
    steps_per_round: int


def _measure(
    ways: Sequence[_Way],
    batch_size: int,
    num_rounds: int,
    steps_per_round: int,
) -> Iterator[Throughput]:
    """Warm all ways up, then measure them in turns.

    Args:
        ways: What to measure.
        batch_size: Images in a step.
        num_rounds: Turns.
        steps_per_round: Archs that a round moves on by.
    """
    first_seconds = {}
    for way in ways:
        first_seconds[way.name] = _seconds_per_step(way.run, range(1))
        for index in range(way.num_warmup_steps):
            way.run(index)
    seconds: dict[str, list[float]] = {way.name: [] for way in ways}
    for round_number in range(num_rounds):
        start = round_number * steps_per_round
        for way in ways:
            steps = range(start, start + way.steps_per_round)
            seconds[way.name].append(_seconds_per_step(way.run, steps))
    for way in ways:
        median_seconds = float(np.median(seconds[way.name]))
        yield Throughput(way.name, batch_size / median_seconds, first_seconds[way.name])


def _seconds_per_step(run: _Step, steps: Sequence[int]) -> float:
    start = time.perf_counter()
    for index in steps:
        run(index)
    return (time.perf_counter() - start) / len(steps)


def _supernet_step(
    step: TrainStep,
    images: tf.Tensor,
    labels: tf.Tensor,
    genes: np.ndarray,
) -> _Step:
    """Steps of the supernet as in training, one subnet each."""

    def run(index: int) -> None:
        # Reading the loss waits for the step's end.
        step(
            images,
            labels,
            genes[index : index + 1],
            learning_rate=_LEARNING_RATE,
            dropout_seed=(0, index),
            teacher=Teacher.NOBODY,
        )

    return run


def _plain_step(
    space: SearchSpace,
    config: TrainConfig,
    images: tf.Tensor,
    labels: tf.Tensor,
) -> _Step:
    """Steps of the largest subnet as a plain Keras model, in a graph of its own."""
    image_size = images.shape[1]
    is_of_space = image_size in space.image_sizes
    arch = space.largest(image_size) if is_of_space else space.largest()
    subnet = build_subnet(space, arch, _NUM_CLASSES)
    model = keras.models.clone_model(subnet, input_tensors=keras.Input((None, None, 3)))
    optimizer = _make_optimizer(config, model.trainable_variables)

    @tf.function(autograph=False)
    def train() -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = _label_loss(labels, model(images, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return loss

    def run(index: int) -> None:
        del index  # there is one arch
        train().numpy()  # waits for the step's end

    return run


def _eager_step(
    space: SearchSpace,
    config: TrainConfig,
    images: tf.Tensor,
    labels: tf.Tensor,
    genes: np.ndarray,
) -> _Step:
    """Steps of the supernet without a graph."""
    supernet = build_supernet(space, _NUM_CLASSES, seed=0)
    variables = supernet.trainable_variables
    optimizer = _make_optimizer(config, variables)

    def run(index: int) -> None:
        with tf.GradientTape() as tape:
            loss = _label_loss(labels, supernet(images, space.decode_one(genes[index]), training=True))
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        pairs = []
        for gradient, variable in zip(gradients, variables, strict=True):
            if gradient is not None:  # as for the weights of a block that the arch skips
                pairs.append((gradient, variable))
        optimizer.apply_gradients(pairs)

    return run


def _make_optimizer(config: TrainConfig, variables: list[keras.Variable]) -> keras.optimizers.Optimizer:
    """The optimizer of training, ready to be traced."""
    optimizer = keras.optimizers.SGD(_LEARNING_RATE, momentum=config.momentum, nesterov=True)
    optimizer.build(variables)
    return optimizer


def _label_loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
