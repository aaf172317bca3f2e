import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.losses import cross_entropy, make_targets
from ofa_tf.training.phases import PHASES
from ofa_tf.training.train_step import TrainStep
from tests.support.spaces import MICRO

_RATE = 0.1


@pytest.fixture(scope="module")
def step() -> TrainStep:
    config = TrainConfig(workdir="unused", phases={}, space=MICRO.name, dropout_rate=0.0, weight_decay=0.01)
    return TrainStep(build_supernet(MICRO, 3, seed=1), config)


def _batch(image_size: int, seed: int = 0) -> tuple[tf.Tensor, tf.Tensor]:
    rng = np.random.default_rng(seed)
    images = tf.constant(rng.standard_normal((8, image_size, image_size, 3)), tf.float32)
    return images, tf.constant(rng.integers(0, 3, 8), tf.int32)


def _reference_update(
    supernet: Supernet, config: TrainConfig, images: tf.Tensor, labels: tf.Tensor, genes: np.ndarray, teacher: Supernet
) -> list[np.ndarray]:
    """Eager, subnet by subnet, with the textbook formula of a first Nesterov step."""
    teacher_logits = teacher(images, MICRO.largest(), training=True, momentum=1.0)
    targets = make_targets(labels, 3, config.label_smoothing, teacher_logits, config.distillation_weight)
    variables = supernet.trainable_variables
    totals = [np.zeros(variable.shape, np.float32) for variable in variables]
    for row in genes:
        with tf.GradientTape() as tape:
            loss = cross_entropy(targets, supernet(images, MICRO.decode_one(row), training=True))
        for total, gradient in zip(totals, tape.gradient(loss, [v.value for v in variables]), strict=True):
            if gradient is not None:
                total += gradient.numpy()
    updated = []
    for total, variable in zip(totals, variables, strict=True):
        value = variable.numpy()
        gradient = total + (config.weight_decay * value if value.ndim > 1 else 0.0)
        velocity = -_RATE * gradient
        updated.append(value + config.momentum * velocity - _RATE * gradient)
    return updated


def test_a_step_is_one_nesterov_update_with_the_summed_gradients_of_its_subnets(step: TrainStep) -> None:
    images, labels = _batch(16)
    genes = MICRO.sample_genes(np.random.default_rng(5), 3)
    step.teacher.set_weights(build_supernet(MICRO, 3, seed=9).get_weights())
    step.reset_optimizer()
    expected = _reference_update(step.supernet, step._config, images, labels, genes, step.teacher)

    loss, accuracy = step(images, labels, genes, learning_rate=_RATE, dropout_seed=(0, 0), use_teacher=True)

    for variable, value in zip(step.supernet.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=2e-4, atol=2e-5, err_msg=variable.path)
    assert np.isfinite(loss)
    assert 0 <= accuracy <= 1


def test_one_trace_serves_all_phases_subnets_and_image_sizes(step: TrainStep) -> None:
    rng = np.random.default_rng(0)
    for phase in PHASES:
        for image_size in MICRO.image_sizes:
            images, labels = _batch(image_size)
            genes = MICRO.sample_genes(rng, 2, phase.smallest_indices(MICRO))
            step(images, labels, genes, learning_rate=0.01, dropout_seed=(0, 0), use_teacher=phase.has_teacher)
    assert step.num_traces == 3  # gradients, update, teacher


def test_the_teacher_is_not_changed_by_a_step(step: TrainStep) -> None:
    before = step.teacher.get_weights()
    images, labels = _batch(16)
    step(
        images,
        labels,
        MICRO.sample_genes(np.random.default_rng(1), 2),
        learning_rate=_RATE,
        dropout_seed=(0, 0),
        use_teacher=True,
    )
    for old, new in zip(before, step.teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_step_leaves_the_running_statistics_to_calibration(step: TrainStep) -> None:
    before = [variable.numpy() for variable in step.supernet.non_trainable_variables if "moving" in variable.path]
    assert before
    images, labels = _batch(16)
    step(
        images, labels, MICRO.encode(MICRO.largest())[None], learning_rate=_RATE, dropout_seed=(0, 0), use_teacher=False
    )
    after = [variable.numpy() for variable in step.supernet.non_trainable_variables if "moving" in variable.path]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def test_blocks_that_are_skipped_get_no_gradient(step: TrainStep) -> None:
    images, labels = _batch(16)
    genes = MICRO.encode(MICRO.smallest())[None]
    skipped = step.supernet.blocks[1]  # the second block of a stage of which one is used
    before = skipped.project_bn.gamma.numpy()
    step.reset_optimizer()
    step(images, labels, genes, learning_rate=_RATE, dropout_seed=(0, 0), use_teacher=False)
    np.testing.assert_array_equal(skipped.project_bn.gamma.numpy(), before)


def test_what_is_dropped_depends_on_the_seed_alone() -> None:
    config = TrainConfig(workdir="unused", phases={}, space=MICRO.name, dropout_rate=0.5)
    step = TrainStep(build_supernet(MICRO, 3, dropout_rate=0.5, seed=1), dataclasses.replace(config))
    images, labels = _batch(16)
    genes = MICRO.sample_genes(np.random.default_rng(1), 1)
    losses = [
        step(images, labels, genes, learning_rate=0.0, dropout_seed=(0, number), use_teacher=False)[0]
        for number in (1, 2, 1)
    ]
    assert losses[0] == pytest.approx(losses[2], rel=1e-6)
    assert losses[0] != pytest.approx(losses[1], rel=1e-4)
