import functools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.data.batches import calibration_batches, eval_batches
from ofa_tf.data.image_source import ImageSource
from ofa_tf.data.kept_batches import BatchKeeper

_ROOMY = 2**30


class _CountedBatches:
    """Batches that count how often they are gone over."""

    def __init__(self, batches: Any) -> None:
        self._batches = batches
        self.num_readings = 0

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[Any]:
        self.num_readings += 1
        yield from self._batches


def _floats(num_batches: int, num_values: int = 3) -> _CountedBatches:
    """Batches of one image of 4 * `num_values` bytes each, which is no image of whole pixels."""
    batches = [tf.fill((1, 1, num_values // 3, 3), 0.1 + number) for number in range(num_batches)]
    return _CountedBatches(batches)


def _assert_same(actual: Any, expected: Any) -> None:
    actual, expected = list(actual), list(expected)
    assert len(actual) == len(expected)
    for actual_batch, expected_batch in zip(actual, expected, strict=True):
        tf.nest.assert_same_structure(actual_batch, expected_batch)
        pairs = zip(tf.nest.flatten(actual_batch), tf.nest.flatten(expected_batch), strict=True)
        for actual_tensor, expected_tensor in pairs:
            assert actual_tensor.dtype == expected_tensor.dtype
            np.testing.assert_array_equal(actual_tensor, expected_tensor)


@pytest.mark.parametrize("worker", [0, 1])
@pytest.mark.parametrize("image_size", [8, 13])
def test_kept_batches_are_those_that_were_read_to_the_bit(digits: ImageSource, image_size: int, worker: int) -> None:
    keeper = BatchKeeper(_ROOMY)
    of_worker = {"image_size": image_size, "worker": worker, "num_workers": 2}
    evaluated = eval_batches(digits, "test", batch_size=50, with_positions=True, **of_worker)
    calibrating = calibration_batches(digits, batch_size=5, num_images=20, seed=1, **of_worker)
    for key, batches in enumerate([evaluated, calibrating]):
        kept = keeper.keep((key, image_size), functools.partial(_CountedBatches, batches))
        assert len(kept) == len(batches)
        _assert_same(kept, batches)
        _assert_same(kept, batches)
        assert kept._batches.num_readings == 1


def test_batches_are_told_apart_by_their_key(digits: ImageSource) -> None:
    keeper = BatchKeeper(_ROOMY)
    for _ in range(2):
        for image_size in (8, 16):
            batches = eval_batches(digits, "test", image_size=image_size, batch_size=200)
            _assert_same(keeper.keep(image_size, lambda opened=batches: opened), batches)


def test_whole_pixels_take_a_byte_each_and_others_four() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 4, 3))
    mean, deviation = np.float32([123.675, 116.28, 103.53]), np.float32([58.395, 57.12, 57.375])
    whole = (pixels.astype(np.float32) - mean) / deviation
    halves = (pixels.astype(np.float32) / 2 - mean) / deviation
    beyond = (pixels.astype(np.float32) + 256 - mean) / deviation
    for images, bytes_each in [(whole, 1), (halves, 4), (beyond, 4)]:
        keeper = BatchKeeper(_ROOMY)
        kept = keeper.keep("images", lambda image=images: [tf.constant(image)])
        _assert_same(kept, [tf.constant(images)])
        assert keeper.num_bytes == bytes_each * images.size
        _assert_same(kept, [tf.constant(images)])


def test_images_that_were_not_resized_take_a_byte_a_value(digits: ImageSource) -> None:
    keeper = BatchKeeper(_ROOMY)
    batches = calibration_batches(digits, image_size=8, batch_size=50, num_images=100, seed=0)
    list(keeper.keep("images", lambda: batches))
    assert keeper.num_bytes == 100 * 8 * 8 * 3


def test_what_was_used_longest_ago_makes_room() -> None:
    keeper = BatchKeeper(max_bytes=60)
    first, second, third = (_floats(2) for _ in range(3))  # 24 bytes each
    list(keeper.keep("first", lambda: first))
    list(keeper.keep("second", lambda: second))
    list(keeper.keep("first", lambda: first))
    list(keeper.keep("third", lambda: third))
    assert keeper.num_bytes == 48
    list(keeper.keep("first", lambda: first))
    list(keeper.keep("third", lambda: third))
    assert (first.num_readings, second.num_readings, third.num_readings) == (1, 1, 1)
    list(keeper.keep("second", lambda: second))
    assert second.num_readings == 2


def test_more_than_the_limit_is_read_again_and_drives_nothing_out() -> None:
    keeper = BatchKeeper(max_bytes=30)
    small, large = _floats(1), _floats(3)  # 12 and 36 bytes
    for _ in range(2):
        _assert_same(keeper.keep("large", lambda: large), _floats(3))
    list(keeper.keep("small", lambda: small))
    _assert_same(keeper.keep("large", lambda: large), _floats(3))
    list(keeper.keep("small", lambda: small))
    assert large.num_readings == 3
    assert small.num_readings == 1
    assert keeper.num_bytes == 12


def test_the_limit_holds_while_batches_are_read() -> None:
    keeper = BatchKeeper(max_bytes=30)
    list(keeper.keep("first", lambda: _floats(2)))
    others = [iter(keeper.keep(name, lambda: _floats(2))) for name in ("second", "third")]
    # Two are read by turns.
    for _ in range(3):
        for other in others:
            next(other, None)
            assert keeper.num_bytes <= 30


def test_batches_are_kept_though_nobody_asks_for_one_more() -> None:
    keeper = BatchKeeper(_ROOMY)
    batches = _floats(3)
    for _ in range(2):
        iterator = iter(keeper.keep("some", lambda: batches))
        for _ in range(3):
            next(iterator)
    assert batches.num_readings == 1


def test_batches_that_were_not_gone_over_to_the_end_are_not_kept() -> None:
    keeper = BatchKeeper(_ROOMY)
    batches = _floats(3)
    next(iter(keeper.keep("some", lambda: batches)))
    assert keeper.num_bytes == 0
    _assert_same(keeper.keep("some", lambda: batches), _floats(3))
    _assert_same(keeper.keep("some", lambda: batches), _floats(3))
    assert batches.num_readings == 2


def test_batches_are_opened_once_even_if_they_do_not_fit() -> None:
    openings = []

    def open_batches() -> _CountedBatches:
        openings.append(_floats(3))
        return openings[-1]

    keeper = BatchKeeper(max_bytes=0)
    for _ in range(3):
        _assert_same(keeper.keep("large", open_batches), _floats(3))
    assert len(openings) == 1
    assert openings[0].num_readings == 3
