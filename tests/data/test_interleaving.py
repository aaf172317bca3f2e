import numpy as np
import pytest
import tensorflow as tf

from ofa_tf.data.interleaving import find_place, unread_files

_CYCLE_LENGTH = 4
_BLOCK_LENGTH = 3

# Examples in each file. Files of a multiple of the block's length end in the middle of nowhere: at the next turn.
_LENGTHS = {
    "few": [5, 2],
    "equal": [9] * 8,
    "uneven": [7, 1, 12, 3, 6, 20, 2, 9, 4, 3, 11],
    "empty": [4, 0, 6, 0, 0, 5, 3],
    "random": np.random.default_rng(0).integers(0, 15, 40).tolist(),
}


def _read(lengths: list[int], files: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """File and number of each example, in the order in which TensorFlow reads files from some example on."""

    def examples(file: tf.Tensor, first: tf.Tensor) -> tf.data.Dataset:
        length = tf.gather(tf.constant(lengths, tf.int64), file)
        return tf.data.Dataset.range(first, length).map(lambda number: (file, number))

    dataset = tf.data.Dataset.from_tensor_slices(np.array(files, np.int64).reshape(-1, 2))
    dataset = dataset.interleave(
        lambda pair: examples(pair[0], pair[1]),
        cycle_length=_CYCLE_LENGTH,
        block_length=_BLOCK_LENGTH,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    return [(int(file), int(number)) for file, number in dataset]


@pytest.mark.parametrize("lengths", _LENGTHS.values(), ids=_LENGTHS.keys())
def test_reading_goes_on_in_the_same_order_from_any_example(lengths):
    whole = _read(lengths, [(file, 0) for file in range(len(lengths))])
    assert len(whole) == sum(lengths)
    seen = set()
    for position in range(len(whole)):
        place = find_place(lengths, position=position, cycle_length=_CYCLE_LENGTH, block_length=_BLOCK_LENGTH)
        assert 0 <= position - place.position < _CYCLE_LENGTH * _BLOCK_LENGTH
        if place.position in seen:
            continue
        seen.add(place.position)
        files = [(file.number, file.num_read) for file in unread_files(place, len(lengths))]
        assert _read(lengths, files) == whole[place.position :]
    assert len(seen) > 1 or len(lengths) < _CYCLE_LENGTH


def test_files_that_were_read_are_left_out():
    place = find_place([10] * 100, position=990, cycle_length=4, block_length=3)
    numbers = [file.number for file in unread_files(place, 100)]
    assert min(numbers) >= 96
