"""Twenty training steps, a calibration and a measurement on replicas: run by tests in processes of their own.

TensorFlow sets its devices and workers up once a process, before anything else.

    python -m tests.support.shared_steps DISTRIBUTION NUM_CPUS MICRO_BATCH_SIZE IMAGE_FOLDER RESULT.npz
"""

import sys

import numpy as np
import tensorflow as tf

from ofa_tf.base.cluster import Distribution
from ofa_tf.base.replicas import Replicas, open_replicas
from ofa_tf.data.sources import open_source
from ofa_tf.networks.supernet import build_supernet
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.evaluation import Evaluator
from ofa_tf.training.phases import Teacher
from ofa_tf.training.train_step import StepResult, TrainStep
from tests.support.spaces import MICRO

NUM_STEPS = 20
_BATCH_SIZE = 16
_NUM_CLASSES = 3
# 66 training images in batches of 13: the last one is smaller, and there are fewer than some numbers of replicas. An
# odd number, so that the halves of a measurement begin at other places in each batch.
_EVAL_BATCH_SIZE = 13


def run_steps(replicas: Replicas, micro_batch_size: int, image_folder: str) -> dict[str, np.ndarray]:
    """What there is after the steps, by name; weights first."""
    config = TrainConfig(
        workdir="unused",
        phases={},
        space=MICRO.name,
        weight_decay=0.01,
        dropout_rate=0.3,
        batch_size=_BATCH_SIZE,
        micro_batch_size=micro_batch_size,
    )
    with replicas.scope():
        supernet = build_supernet(MICRO, _NUM_CLASSES, config.dropout_rate, seed=1)
    step = TrainStep(supernet, config, replicas)
    step.teacher.set_weights(build_supernet(MICRO, _NUM_CLASSES, seed=9).get_weights())
    losses, accuracies = [], []
    for number in range(NUM_STEPS):
        result = _take_step(step, replicas, number)
        losses.append(float(result.loss))
        accuracies.append(float(result.accuracy))
        # The last worker wants to stop in one of the steps, and all learn it there.
        is_stopping = float(result.num_stopping) > 0
        assert is_stopping == (number == 7)
    results = {}
    for index, variable in enumerate(supernet.trainable_variables):
        results[f"weight {index}"] = variable.numpy()

    source = open_source(f"folder:{image_folder}")
    evaluator = Evaluator(supernet, source, num_calibration_images=60, batch_size=_EVAL_BATCH_SIZE, replicas=replicas)
    evaluator.top1(MICRO.largest())  # another one, whose statistics must be forgotten
    for split in ("train", "report"):
        measured = evaluator.measure(MICRO.smallest(), split)
        results[f"counts {split}"] = np.asarray([measured.num_correct, measured.num_images])
    for index, variable in enumerate(supernet.non_trainable_weights):
        results[f"statistic {index}"] = variable.numpy()
    results["losses"] = np.asarray(losses)
    results["accuracies"] = np.asarray(accuracies)
    results["num_traces"] = np.asarray(step.num_traces)
    return results


def _take_step(step: TrainStep, replicas: Replicas, number: int) -> StepResult:
    """A step with images of its own, of which this worker gets its part."""
    rng = np.random.default_rng(number)
    image_size = MICRO.image_sizes[number % 2]
    images = rng.standard_normal((_BATCH_SIZE, image_size, image_size, 3)).astype(np.float32)
    labels = rng.integers(0, _NUM_CLASSES, _BATCH_SIZE).astype(np.int32)
    local_batch_size = _BATCH_SIZE // replicas.num_workers
    start = replicas.worker * local_batch_size
    part = slice(start, start + local_batch_size)
    is_last_worker = replicas.worker == replicas.num_workers - 1
    return step(
        tf.constant(images[part]),
        tf.constant(labels[part]),
        MICRO.sample_genes(rng, 2),
        learning_rate=0.05,
        dropout_seed=(0, number),
        teacher=list(Teacher)[number % len(Teacher)],
        wants_to_stop=is_last_worker and number == 7,
    )


def main() -> None:
    distribution, num_cpus, micro_batch_size, image_folder, result = sys.argv[1:]
    (cpu,) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * int(num_cpus))
    replicas = open_replicas(Distribution(distribution))
    results = run_steps(replicas, int(micro_batch_size), image_folder)
    np.savez(result, **results)


if __name__ == "__main__":
    main()
