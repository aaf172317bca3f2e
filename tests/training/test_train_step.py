import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.base.errors import InputError
from ofa_tf.networks.supernet import Supernet, build_supernet
from ofa_tf.training.config import TrainConfig
from ofa_tf.training.distillation import DISTILLATION_LOSSES
from ofa_tf.training.losses import cross_entropy, make_targets
from ofa_tf.training.phases import ALL_PHASES, Teacher
from ofa_tf.training.train_step import TrainStep
from tests.support.spaces import MICRO

_RATE = 0.1


@pytest.fixture(scope="module")
def step() -> TrainStep:
    config = TrainConfig(workdir="unused", phases={}, space=MICRO.name, dropout_rate=0.0, weight_decay=0.01)
    return TrainStep(build_supernet(MICRO, 3, seed=1), config)


@pytest.fixture(scope="module")
def alpha_step() -> TrainStep:
    config = TrainConfig(
        workdir="unused",
        phases={},
        space=MICRO.name,
        dropout_rate=0.0,
        weight_decay=0.01,
        distillation_loss="alpha_divergence",
        distillation_weight=0.7,
    )
    step = TrainStep(build_supernet(MICRO, 3, seed=1), config)
    step.teacher.set_weights(build_supernet(MICRO, 3, seed=9).get_weights())
    return step


def _batch(image_size: int, seed: int = 0) -> tuple[tf.Tensor, tf.Tensor]:
    rng = np.random.default_rng(seed)
    images = tf.constant(rng.standard_normal((8, image_size, image_size, 3)), tf.float32)
    return images, tf.constant(rng.integers(0, 3, 8), tf.int32)


def _reference_update(
    supernet: Supernet,
    config: TrainConfig,
    images: tf.Tensor,
    genes: np.ndarray,
    targets: Sequence[tf.Tensor],
    loss_of: Callable[..., tf.Tensor] = cross_entropy,
) -> list[np.ndarray]:
    """Eager, subnet by subnet, with the textbook formula of a first Nesterov step.

    `targets` are one array a subnet.
    """
    variables = supernet.trainable_variables
    totals = [np.zeros(variable.shape, np.float32) for variable in variables]
    for row, targets_of_subnet in zip(genes, targets, strict=True):
        with tf.GradientTape() as tape:
            loss = loss_of(targets_of_subnet, supernet(images, MICRO.decode_one(row), training=True))
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
    teacher_logits = step.teacher(images, MICRO.largest(), training=True, update_statistics=False)
    config = step._config
    targets = make_targets(labels, 3, config.label_smoothing, teacher_logits, config.distillation_weight)
    expected = _reference_update(step.supernet, config, images, genes, [targets] * 3)

    loss, accuracy, _ = step(
        images, labels, genes, learning_rate=_RATE, dropout_seed=(0, 0), teacher=Teacher.FULL_NETWORK
    )

    for variable, value in zip(step.supernet.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=2e-4, atol=2e-5, err_msg=variable.path)
    assert np.isfinite(loss)
    assert 0 <= accuracy <= 1


def test_the_largest_subnet_of_a_step_learns_from_labels_and_teaches_the_others(step: TrainStep) -> None:
    images, labels = _batch(16)
    archs = [MICRO.largest(), MICRO.smallest(), MICRO.sample(np.random.default_rng(5))]
    step.reset_optimizer()
    smoothed_labels = make_targets(labels, 3, step._config.label_smoothing)
    largest_logits = step.supernet(images, archs[0], training=True, update_statistics=False)
    taught = smoothed_labels + step._config.distillation_weight * tf.nn.softmax(largest_logits)
    targets = [smoothed_labels, taught, taught]
    expected = _reference_update(step.supernet, step._config, images, MICRO.encode(archs), targets)

    step(
        images,
        labels,
        MICRO.encode(archs),
        learning_rate=_RATE,
        dropout_seed=(0, 0),
        teacher=Teacher.LARGEST_OF_STEP,
    )

    for variable, value in zip(step.supernet.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=2e-4, atol=2e-5, err_msg=variable.path)


@pytest.mark.parametrize("micro_batch_size", [3, 4])
def test_micro_batches_add_up_to_the_update_of_the_batch(micro_batch_size: int) -> None:
    config = TrainConfig(
        workdir="unused",
        phases={},
        space=MICRO.name,
        dropout_rate=0.0,
        weight_decay=0.01,
        micro_batch_size=micro_batch_size,
    )
    step = TrainStep(build_supernet(MICRO, 3, seed=1), config)
    images, labels = _batch(16)
    archs = [MICRO.largest(), MICRO.smallest()]
    genes = MICRO.encode(archs)
    variables = step.supernet.trainable_variables
    gradients = [np.zeros(variable.shape, np.float32) for variable in variables]
    losses = []
    for arch in archs:
        for start in range(0, len(images), micro_batch_size):
            part = slice(start, start + micro_batch_size)
            targets = make_targets(labels[part], 3, config.label_smoothing)
            with tf.GradientTape() as tape:
                logits = step.supernet(images[part], arch, training=True, update_statistics=False)
                # The mean over the whole batch is the sum over its parts, divided by its size.
                loss = len(images[part]) * cross_entropy(targets, logits) / len(images)
            losses.append(float(loss))
            for total, gradient in zip(gradients, tape.gradient(loss, [v.value for v in variables]), strict=True):
                if gradient is not None:
                    total += gradient.numpy()
    before = [variable.numpy() for variable in variables]

    loss, _, _ = step(images, labels, genes, learning_rate=_RATE, dropout_seed=(0, 0), teacher=Teacher.NOBODY)

    assert float(loss) == pytest.approx(sum(losses) / 2, rel=1e-5)
    for variable, value, gradient in zip(variables, before, gradients, strict=True):
        decayed = gradient + (config.weight_decay * value if value.ndim > 1 else 0.0)
        expected = value - _RATE * (1 + config.momentum) * decayed  # a first Nesterov step
        np.testing.assert_allclose(variable.numpy(), expected, rtol=2e-4, atol=2e-5, err_msg=variable.path)


@pytest.mark.parametrize("teacher", [Teacher.NOBODY, Teacher.LARGEST_OF_STEP])
def test_micro_batches_of_equal_images_are_as_good_as_the_whole_batch(teacher: Teacher) -> None:
    """Where all parts have the same statistics, batch normalization makes no difference either."""
    images, labels = _batch(16)
    images, labels = tf.concat([images, images], 0), tf.concat([labels, labels], 0)
    genes = MICRO.encode([MICRO.largest(), MICRO.smallest(), MICRO.largest()])
    updated = []
    for micro_batch_size in (0, 8):
        config = TrainConfig(
            workdir="unused", phases={}, space=MICRO.name, dropout_rate=0.0, micro_batch_size=micro_batch_size
        )
        step = TrainStep(build_supernet(MICRO, 3, seed=1), config)
        step(images, labels, genes, learning_rate=0.01, dropout_seed=(0, 0), teacher=teacher)
        updated.append(step.supernet.get_weights())
    for whole, parts in zip(*updated, strict=True):
        np.testing.assert_allclose(parts, whole, rtol=2e-4, atol=2e-5)


def test_one_trace_serves_all_phases_subnets_and_image_sizes(step: TrainStep) -> None:
    rng = np.random.default_rng(0)
    for phase in ALL_PHASES:
        for image_size in MICRO.image_sizes:
            images, labels = _batch(image_size)
            genes = MICRO.sample_genes(rng, 2, phase.smallest_indices(MICRO))
            step(images, labels, genes, learning_rate=0.01, dropout_seed=(0, 0), teacher=phase.teacher)
    assert step.num_traces == 3  # gradients, update, teacher


@pytest.mark.parametrize("teacher", [Teacher.NOBODY, Teacher.FULL_NETWORK, Teacher.LARGEST_OF_STEP])
def test_the_distillation_loss_of_the_configuration_is_the_step_s(alpha_step: TrainStep, teacher: Teacher) -> None:
    step = alpha_step
    images, labels = _batch(16)
    archs = [MICRO.largest(), MICRO.smallest()]
    step.reset_optimizer()
    logits = {
        Teacher.NOBODY: None,
        Teacher.FULL_NETWORK: step.teacher(images, MICRO.largest(), training=True, update_statistics=False),
        Teacher.LARGEST_OF_STEP: step.supernet(images, archs[0], training=True, update_statistics=False),
    }
    loss = DISTILLATION_LOSSES["alpha_divergence"]
    alone = loss.make_targets(labels, 3, 0.1)
    taught = loss.make_targets(labels, 3, 0.1, teacher_logits=logits[teacher], distillation_weight=0.7)
    targets = [alone if teacher is Teacher.LARGEST_OF_STEP else taught, taught]
    expected = _reference_update(step.supernet, step._config, images, MICRO.encode(archs), targets, loss)

    step(images, labels, MICRO.encode(archs), learning_rate=_RATE, dropout_seed=(0, 0), teacher=teacher)

    for variable, value in zip(step.supernet.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(variable.numpy(), value, rtol=2e-4, atol=2e-5, err_msg=variable.path)
    assert step.num_traces <= 3  # gradients, update, teacher: once for all


def test_the_teacher_is_not_changed_by_a_step(step: TrainStep) -> None:
    before = step.teacher.get_weights()
    images, labels = _batch(16)
    step(
        images,
        labels,
        MICRO.sample_genes(np.random.default_rng(1), 2),
        learning_rate=_RATE,
        dropout_seed=(0, 0),
        teacher=Teacher.FULL_NETWORK,
    )
    for old, new in zip(before, step.teacher.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_step_leaves_the_running_statistics_to_calibration(step: TrainStep) -> None:
    before = [variable.numpy() for variable in step.supernet.non_trainable_variables if "moving" in variable.path]
    assert before
    images, labels = _batch(16)
    step(
        images,
        labels,
        MICRO.encode(MICRO.largest())[None],
        learning_rate=_RATE,
        dropout_seed=(0, 0),
        teacher=Teacher.NOBODY,
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
    step(images, labels, genes, learning_rate=_RATE, dropout_seed=(0, 0), teacher=Teacher.NOBODY)
    np.testing.assert_array_equal(skipped.project_bn.gamma.numpy(), before)


def test_what_is_dropped_depends_on_the_seed_alone() -> None:
    config = TrainConfig(workdir="unused", phases={}, space=MICRO.name, dropout_rate=0.5)
    step = TrainStep(build_supernet(MICRO, 3, dropout_rate=0.5, seed=1), dataclasses.replace(config))
    images, labels = _batch(16)
    genes = MICRO.sample_genes(np.random.default_rng(1), 1)
    losses = [
        float(step(images, labels, genes, learning_rate=0.0, dropout_seed=(0, number), teacher=Teacher.NOBODY)[0])
        for number in (1, 2, 1)
    ]
    assert losses[0] == pytest.approx(losses[2], rel=1e-6)
    assert losses[0] != pytest.approx(losses[1], rel=1e-4)


def test_in_float16_the_update_is_that_of_float32_but_for_rounding_and_an_overflow_is_left_out() -> None:
    config = TrainConfig(
        workdir="unused", phases={}, space=MICRO.name, dropout_rate=0.0, weight_decay=0.5, mixed_precision="float16"
    )
    images, labels = _batch(16)
    genes = MICRO.encode([MICRO.largest(), MICRO.smallest()])
    step = TrainStep(build_supernet(MICRO, 3, seed=1, dtype="mixed_float16"), config)
    targets = make_targets(labels, 3, config.label_smoothing)
    in_float32 = build_supernet(MICRO, 3, seed=1)
    before = step.supernet.get_weights()
    expected = _reference_update(in_float32, config, images, genes, [targets] * 2)

    def take_step() -> None:
        step(images, labels, genes, learning_rate=_RATE, dropout_seed=(0, 0), teacher=Teacher.NOBODY)

    take_step()
    pairs = zip(step.supernet.trainable_variables, in_float32.trainable_variables, strict=True)
    for (variable, old), new in zip(pairs, expected, strict=True):
        change = np.linalg.norm(new - old.numpy())
        error = np.linalg.norm(variable.numpy() - new)
        assert error <= 0.1 * change + 1e-6, variable.path

    step.optimizer.dynamic_scale.assign(2.0**120)
    step.supernet.set_weights(before)
    take_step()
    for weight, old in zip(step.supernet.get_weights(), before, strict=True):
        np.testing.assert_array_equal(weight, old)
    assert float(step.optimizer.dynamic_scale) == 2.0**119
    step.check_overflows()
    step.optimizer.dynamic_scale.assign(0.5)
    with pytest.raises(InputError, match=r"down to a loss scale of 0.5. Pass --mixed_precision=bfloat16"):
        step.check_overflows()

    step.reset_optimizer()
    fresh = TrainStep(step.supernet, config).optimizer.variables
    for variable, of_fresh in zip(step.optimizer.variables, fresh, strict=True):
        np.testing.assert_array_equal(variable.numpy(), of_fresh.numpy())


def test_in_bfloat16_the_teacher_computes_in_it_too() -> None:
    config = TrainConfig(workdir="unused", phases={}, space=MICRO.name, mixed_precision="bfloat16")
    step = TrainStep(build_supernet(MICRO, 3, seed=1, dtype="mixed_bfloat16"), config)
    assert step.teacher.dtype_policy.name == "mixed_bfloat16"
