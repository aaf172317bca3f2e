from collections.abc import Iterator

import keras
import numpy as np
import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.networks.calibration import calibrate_batch_norm
from ofa_tf.networks.extraction import extract_subnet
from ofa_tf.networks.supernet import Supernet
from ofa_tf.space.arch import Arch
from tests.support.networks import assert_close, images

ARCH = Arch("two_stages", 24, (2, 1), (5, 3, 7, 3), (2, 4, 3, 2))
BATCHES = [images(seed=seed, num=num) for seed, num in enumerate((6, 2, 5))]


def statistics_of_batches(subnet: keras.Model, batches: list[np.ndarray]) -> dict[str, list[np.ndarray]]:
    """Mean and variance of every BN layer's input, averaged over batches by their sizes.

    A slow plain-Keras walk: each layer sees the batch as the layers before it, normalising with
    the batch's own statistics, hand it on.
    """
    norms = [layer for layer in subnet.layers if isinstance(layer, keras.layers.BatchNormalization)]
    entering = keras.Model(subnet.input, [norm.input for norm in norms])
    totals = {norm.name: [0.0, 0.0] for norm in norms}
    for batch in batches:
        for norm, values in zip(norms, entering(batch, training=True), strict=True):
            values = np.asarray(values, np.float64)
            totals[norm.name][0] += len(batch) * values.mean(axis=(0, 1, 2))
            totals[norm.name][1] += len(batch) * values.var(axis=(0, 1, 2))
    num_images = sum(map(len, batches))
    return {name: [total / num_images for total in sums] for name, sums in totals.items()}


def statistics(supernet: Supernet, arch: Arch) -> dict[str, list[np.ndarray]]:
    weights = supernet.static_weights(arch)
    return {name: values[2:] for name, values in weights.items() if name.endswith("_bn")}


def test_statistics_become_averages_weighted_by_batch_size(supernet: Supernet) -> None:
    expected = statistics_of_batches(extract_subnet(supernet, ARCH), BATCHES)

    calibrate_batch_norm(supernet, BATCHES, ARCH)

    actual = statistics(supernet, ARCH)
    assert set(actual) == set(expected)
    assert len(actual) == 2 + 2 + 3 * 3  # stem, features; first block; three active blocks
    for name, values in actual.items():
        for one, other in zip(values, expected[name], strict=True):
            assert_close(one, other, 1e-4)


def test_calibration_forgets_what_was_before(supernet: Supernet) -> None:
    calibrate_batch_norm(supernet, BATCHES, ARCH)
    first = statistics(supernet, ARCH)

    calibrate_batch_norm(supernet, [batch + 1 for batch in BATCHES], supernet.space.largest(24))
    supernet.parts[0].bn.moving_mean.assign(np.full(8, np.nan))
    calibrate_batch_norm(supernet, iter(BATCHES), ARCH)

    for name, values in statistics(supernet, ARCH).items():
        for one, other in zip(values, first[name], strict=True):
            assert_close(one, other, 1e-6)


def test_calibration_changes_nothing_but_statistics_of_the_subnet(supernet: Supernet) -> None:
    before = {weight.path: weight.numpy() for weight in supernet.weights}

    calibrate_batch_norm(supernet, BATCHES, ARCH)

    changed = {weight.path for weight in supernet.weights if not np.array_equal(weight, before[weight.path])}
    assert changed
    assert all(path.endswith(("moving_mean", "moving_variance")) for path in changed)
    assert not any("stage2_block2" in path for path in changed)  # skipped
    block = supernet.blocks[0]
    np.testing.assert_array_equal(  # its second half is not used
        block.expand_bn.moving_mean.numpy()[16:], before[block.expand_bn.moving_mean.path][16:]
    )


def test_calibrated_subnet_evaluates_as_on_the_batch_itself(supernet: Supernet) -> None:
    batch = images(num=8)

    calibrate_batch_norm(supernet, [batch], ARCH)

    assert_close(supernet(batch, ARCH), supernet(batch, ARCH, training=True), 1e-4)


def test_one_trace_serves_many_calls_subnets_and_image_sizes(supernet: Supernet) -> None:
    space = supernet.space

    for arch in (space.largest(28), space.smallest(17), ARCH):
        batches = [images(size=arch.image_size)]
        expected = statistics_of_batches(extract_subnet(supernet, arch), batches)
        calibrate_batch_norm(supernet, batches, arch)
        for name, values in statistics(supernet, arch).items():
            for one, other in zip(values, expected[name], strict=True):
                assert_close(one, other, 1e-4)
    assert supernet.statistics_estimator.experimental_get_tracing_count() == 1


def some_then_wrong() -> Iterator[np.ndarray]:
    yield BATCHES[0]
    yield BATCHES[0][0]


@pytest.mark.parametrize(
    ("batches", "message"),
    [
        ([], r"`batches` to hold at least one image\. Received: no batch\."),
        ([np.zeros((24, 24, 3))], r"shape \(batch, height, width, 3\)\. Received: an array of shape \(24, 24, 3\)\."),
        (np.zeros((4, 24, 24, 3)), r"Received: an array of shape \(24, 24, 3\)\."),
        ([np.zeros((4, 24, 24, 1))], r"Received: an array of shape \(4, 24, 24, 1\)\."),
        ([np.zeros((0, 24, 24, 3))], r"Received: an array of shape \(0, 24, 24, 3\)\."),
        (some_then_wrong(), r"Received: an array of shape \(24, 24, 3\)\."),
    ],
)
def test_what_is_no_batch_of_images_is_refused(supernet: Supernet, batches: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        calibrate_batch_norm(supernet, batches, ARCH)
