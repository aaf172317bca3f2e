"""Training throughput of a supernet, beside that of its largest network alone."""

import dataclasses
import time
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.networks.subnet import build_subnet
from ofa_tf.networks.supernet import build_supernet
from ofa_tf.space.presets import get_search_space
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.train_step import TrainStep

REFERENCES = ("largest subnet, plain Keras", "supernet, largest arch")

_NUM_CLASSES = 1000


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
    space_name: str, batch_size: int, image_size: int, num_rounds: int, steps_per_round: int, with_eager: bool = True
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
    space = get_search_space(space_name)
    images = tf.random.stateless_normal((batch_size, image_size, image_size, 3), seed=(0, 0))
    labels = tf.zeros((batch_size,), tf.int32)
    config = TrainConfig(workdir="unused", phases={}, space=space_name, batch_size=batch_size)
    step = TrainStep(build_supernet(space, _NUM_CLASSES, seed=0), config)
    genes = space.sample_genes(np.random.default_rng(0), num_rounds * steps_per_round)
    largest = np.repeat(space.encode(space.largest())[None], len(genes), axis=0)

    def run_supernet(rows: np.ndarray) -> Callable[[int], None]:
        return lambda index: step(images, labels, rows[index][None], 1e-4, (0, index), False) and None

    plain = _plain_step(space, images, labels)
    ways: dict[str, Callable[[int], None]] = {
        "supernet, random archs": run_supernet(genes),
        "supernet, largest arch": run_supernet(largest),
        "largest subnet, plain Keras": lambda index: plain(),
    }
    if with_eager:
        ways["supernet, random archs, eager"] = _eager_step(space, config, images, labels, genes)
    yield from _measure(ways, batch_size, num_rounds, steps_per_round)


def _measure(
    ways: dict[str, Callable[[int], None]], batch_size: int, num_rounds: int, steps_per_round: int
) -> Iterator[Throughput]:
    firsts, seconds = {}, {name: [] for name in ways}  # type: ignore[var-annotated]
    for name, run in ways.items():
        start = time.perf_counter()
        run(0)
        firsts[name] = time.perf_counter() - start
        for index in range(num_rounds * steps_per_round if "eager" not in name else 1):
            run(index)  # every arch once, so that kernels of all shapes exist
    for index in range(num_rounds):
        for name, run in ways.items():
            count = steps_per_round if "eager" not in name else 1
            start = time.perf_counter()
            for position in range(count):
                run(index * steps_per_round + position)
            seconds[name].append((time.perf_counter() - start) / count)
    for name in ways:
        yield Throughput(name, batch_size / float(np.median(seconds[name])), firsts[name])


def _plain_step(space: SearchSpace, images: tf.Tensor, labels: tf.Tensor) -> Callable[[], None]:
    model = build_subnet(
        space, space.largest(images.shape[1]) if images.shape[1] in space.image_sizes else space.largest(), _NUM_CLASSES
    )
    model = keras.models.clone_model(model, input_tensors=keras.Input((None, None, 3)))
    optimizer = keras.optimizers.SGD(1e-4, momentum=0.9, nesterov=True)
    optimizer.build(model.trainable_variables)

    @tf.function(autograph=False)
    def train() -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    return lambda: train().numpy() and None


def _eager_step(
    space: SearchSpace, config: TrainConfig, images: tf.Tensor, labels: tf.Tensor, genes: np.ndarray
) -> Callable[[int], None]:
    supernet = build_supernet(space, _NUM_CLASSES, seed=0)
    optimizer = keras.optimizers.SGD(1e-4, momentum=config.momentum, nesterov=True)
    optimizer.build(supernet.trainable_variables)

    def train(index: int) -> None:
        with tf.GradientTape() as tape:
            logits = supernet(images, space.decode_one(genes[index]), training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        variables = supernet.trainable_variables
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        pairs = [
            (gradient, variable)
            for gradient, variable in zip(gradients, variables, strict=True)
            if gradient is not None
        ]
        optimizer.apply_gradients(pairs)

    return train
