"""Training throughput of a supernet, beside that of its largest network alone."""

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Sequence

import keras
import numpy as np
import tensorflow as tf

from ofa_tf.base.compute_precision import get_compute_precision
from ofa_tf.networks.subnet import build_subnet
from ofa_tf.networks.supernet import build_supernet
from ofa_tf.space.presets import get_search_space
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.phases import Teacher
from ofa_tf.training.train_step import TrainStep

_RANDOM_ARCHS = "supernet, random archs"
_LARGEST_ARCH = "supernet, largest arch"
_PLAIN = "largest subnet, plain Keras"
_EAGER = "supernet, random archs, eager"

# All ways to train that are measured, and those of them that the others are compared with.
WAYS = (_RANDOM_ARCHS, _LARGEST_ARCH, _PLAIN, _EAGER)
REFERENCES = (_PLAIN, _LARGEST_ARCH)

_NUM_CLASSES = 1000
_LEARNING_RATE = 1e-4


@dataclasses.dataclass(frozen=True)
class Throughput:
    """Images/s of one way to train: forward, backward and update.

    Args:
        name: What was trained how.
        images_per_second: Batch size, divided by the median over the rounds of a round's mean seconds a step.
        first_step_seconds: Time of the first step, tracing included.
        peak_memory_bytes: Of the GPU while this way was warmed up, with what the ways before it
            keep there; 0 without one.
    """

    name: str
    images_per_second: float
    first_step_seconds: float
    peak_memory_bytes: int


@dataclasses.dataclass(frozen=True)
class TrainingLoad:
    """What a step does.

    Args:
        space_name: Search space.
        batch_size: Images in a step.
        image_size: Pixels.
        num_subnets: Subnets in a step of the supernet.
        has_teacher: Whether the full network predicts before, too.
        mixed_precision: A name in `ofa_tf.base.compute_precision.COMPUTE_PRECISIONS`.
    """

    space_name: str
    batch_size: int
    image_size: int
    num_subnets: int = 1
    has_teacher: bool = False
    mixed_precision: str = "none"


def measure_throughput(
    load: TrainingLoad,
    *,
    num_rounds: int,
    steps_per_round: int,
    ways: Sequence[str] = WAYS,
) -> Iterator[Throughput]:
    """Measure several ways to train, in turns, so that drift hits all alike.

    Random archs in the traced graph; the largest arch in that same graph; the
    largest subnet as a plain Keras model in a graph of its own; random archs
    eagerly, which is slow. Each way sees the same archs twice and is measured the second
    time. A plain model has one network to train in a step, and nobody to teach it.

    Plain and eager are as one would write them with Keras: its SGD, without the fused update, the
    weight decay and, in float16, the scaled loss of the supernet's step.

    Args:
        load: What a step does.
        num_rounds: Turns.
        steps_per_round: Steps of each way in a turn.
        ways: Which of `WAYS` to measure.
    """
    num_steps = num_rounds * steps_per_round
    bench = _Bench(load, num_steps)
    makers = {
        _RANDOM_ARCHS: lambda: _Way(_RANDOM_ARCHS, bench.supernet_step(bench.random_genes), num_steps, steps_per_round),
        _LARGEST_ARCH: lambda: _Way(
            _LARGEST_ARCH, bench.supernet_step(bench.largest_genes), num_steps, steps_per_round
        ),
        _PLAIN: lambda: _Way(_PLAIN, bench.plain_step(), num_steps, steps_per_round),
        _EAGER: lambda: _Way(_EAGER, bench.eager_step(), num_warmup_steps=1, steps_per_round=1),
    }
    chosen = [makers[name]() for name in ways]
    yield from _measure(chosen, load.batch_size, num_rounds, steps_per_round)


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
    peak_memory_bytes = {}
    for way in ways:
        _reset_peak_memory()
        first_seconds[way.name] = _seconds_per_step(way.run, range(1))
        for index in range(way.num_warmup_steps):
            way.run(index)
        peak_memory_bytes[way.name] = _peak_memory_bytes()
    seconds: dict[str, list[float]] = {way.name: [] for way in ways}
    for round_number in range(num_rounds):
        start = round_number * steps_per_round
        for way in ways:
            steps = range(start, start + way.steps_per_round)
            seconds[way.name].append(_seconds_per_step(way.run, steps))
    for way in ways:
        median_seconds = float(np.median(seconds[way.name]))
        yield Throughput(
            way.name,
            images_per_second=batch_size / median_seconds,
            first_step_seconds=first_seconds[way.name],
            peak_memory_bytes=peak_memory_bytes[way.name],
        )


def _reset_peak_memory() -> None:
    for gpu in tf.config.list_logical_devices("GPU"):
        tf.config.experimental.reset_memory_stats(gpu.name)


def _peak_memory_bytes() -> int:
    """The most memory of the first GPU that was in use at a time since the reset; 0 without one."""
    gpus = tf.config.list_logical_devices("GPU")
    if not gpus:
        return 0
    peak: int = tf.config.experimental.get_memory_info(gpus[0].name)["peak"]
    return peak


def _seconds_per_step(run: _Step, steps: Sequence[int]) -> float:
    start = time.perf_counter()
    for index in steps:
        run(index)
    return (time.perf_counter() - start) / len(steps)


class _Bench:
    """The steps of all ways to train, with the same images.

    Args:
        load: What a step does.
        num_steps: Steps after which archs repeat.
    """

    def __init__(self, load: TrainingLoad, num_steps: int) -> None:
        self._load = load
        self._space = get_search_space(load.space_name)
        self._config = TrainConfig(
            workdir="unused",
            phases={},
            space=load.space_name,
            batch_size=load.batch_size,
            mixed_precision=load.mixed_precision,
        )
        self._dtype_policy = get_compute_precision(load.mixed_precision).dtype_policy
        shape = (load.batch_size, load.image_size, load.image_size, 3)
        self._images = tf.random.stateless_normal(shape, seed=(0, 0))
        self._labels = tf.zeros((load.batch_size,), tf.int32)
        num_archs = num_steps * load.num_subnets
        self.random_genes = self._space.sample_genes(np.random.default_rng(0), num_archs)
        self.largest_genes = np.repeat(self._space.encode(self._space.largest())[None], num_archs, axis=0)

    @functools.cached_property
    def _train_step(self) -> TrainStep:
        supernet = build_supernet(self._space, _NUM_CLASSES, seed=0, dtype=self._dtype_policy)
        return TrainStep(supernet, self._config)

    def supernet_step(self, genes: np.ndarray) -> _Step:
        """Steps of the supernet as in training."""
        teacher = Teacher.NOBODY
        if self._load.has_teacher:
            teacher = Teacher.FULL_NETWORK
        num_subnets = self._load.num_subnets

        def run(index: int) -> None:
            rows = genes[index * num_subnets : (index + 1) * num_subnets]
            result = self._train_step(
                self._images,
                self._labels,
                rows,
                learning_rate=_LEARNING_RATE,
                dropout_seed=(0, index),
                teacher=teacher,
            )
            result.loss.numpy()  # waits for the step's end

        return run

    def plain_step(self) -> _Step:
        """Steps of the largest subnet as a plain Keras model, in a graph of its own."""
        is_of_space = self._load.image_size in self._space.image_sizes
        arch = self._space.largest(self._load.image_size) if is_of_space else self._space.largest()
        with _dtype_policy(self._dtype_policy):
            subnet = build_subnet(self._space, arch, _NUM_CLASSES)
            model = keras.models.clone_model(subnet, input_tensors=keras.Input((None, None, 3)))
        optimizer = _make_optimizer(self._config, model.trainable_variables)

        @tf.function(autograph=False)
        def train() -> tf.Tensor:
            with tf.GradientTape() as tape:
                loss = _label_loss(self._labels, model(self._images, training=True))
            gradients = tape.gradient(loss, model.trainable_variables)
            optimizer.apply(gradients, model.trainable_variables)
            return loss

        def run(index: int) -> None:
            del index  # there is one arch
            train().numpy()  # waits for the step's end

        return run

    def eager_step(self) -> _Step:
        """Steps of the supernet without a graph."""
        supernet = build_supernet(self._space, _NUM_CLASSES, seed=0, dtype=self._dtype_policy)
        variables = supernet.trainable_variables
        optimizer = _make_optimizer(self._config, variables)

        def run(index: int) -> None:
            arch = self._space.decode_one(self.random_genes[index])
            with tf.GradientTape() as tape:
                loss = _label_loss(self._labels, supernet(self._images, arch, training=True))
            gradients = tape.gradient(loss, [variable.value for variable in variables])
            pairs = []
            for gradient, variable in zip(gradients, variables, strict=True):
                if gradient is not None:  # as for the weights of a block that the arch skips
                    pairs.append((gradient, variable))
            optimizer.apply_gradients(pairs)

        return run


@contextlib.contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    """Within it, new layers get a dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _make_optimizer(config: TrainConfig, variables: list[keras.Variable]) -> keras.optimizers.Optimizer:
    """Keras's SGD, ready to be traced."""
    optimizer = keras.optimizers.SGD(_LEARNING_RATE, momentum=config.momentum, nesterov=True)
    optimizer.build(variables)
    return optimizer


def _label_loss(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, tf.cast(logits, tf.float32))
    return tf.reduce_mean(losses)
