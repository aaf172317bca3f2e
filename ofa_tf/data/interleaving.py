"""Where the reading of several files in turns stands after so many examples.

The examples of TFDS are read from a number of files in turns, a block from each, and a
file that ends is replaced by the next one (`tf.data.Dataset.interleave`). To go on with a late
example, not all before it have to be read: the files that ended can be left out, and the
others be entered where reading them had come to.
"""

import dataclasses
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class UnreadFile:
    """A file with examples that were not read, or whose end was not noticed yet.

    Args:
        number: Which file it is.
        num_read: Its examples that were read.
    """

    number: int
    num_read: int


@dataclasses.dataclass(frozen=True)
class Place:
    """A place from which files can be read on, in turns, as if they had been read from the beginning.

    Args:
        position: Examples before it.
        in_turn: The files that are being read, in the order of their turns.
        next_number: The next file after those.
    """

    position: int
    in_turn: tuple[UnreadFile, ...]
    next_number: int


def find_place(
    lengths: Sequence[int],
    *,
    position: int,
    cycle_length: int,
    block_length: int,
) -> Place:
    """The last place before an example, less than `cycle_length * block_length` examples before it.

    Args:
        lengths: Examples in each file, in the order in which the files are read.
        position: Number of the example.
        cycle_length: Files that are read at a time.
        block_length: Examples that are taken from a file before the next one's turn.
    """
    num_open = min(cycle_length, len(lengths))
    in_turn = tuple(UnreadFile(number, num_read=0) for number in range(num_open))
    place = Place(0, in_turn, num_open)
    while True:
        next_place = _after_cycle(place, lengths, block_length)
        if next_place.position > position or not next_place.in_turn:
            return place
        place = next_place


def unread_files(place: Place, num_files: int) -> list[UnreadFile]:
    """What is left of all files, in the order in which it is to be read."""
    not_begun = [UnreadFile(number, num_read=0) for number in range(place.next_number, num_files)]
    return [*place.in_turn, *not_begun]


def _after_cycle(
    place: Place,
    lengths: Sequence[int],
    block_length: int,
) -> Place:
    """The place after each file has had its turn."""
    position = place.position
    in_turn = []
    next_number = place.next_number
    for file in place.in_turn:
        num_left = lengths[file.number] - file.num_read
        position += min(num_left, block_length)
        if num_left >= block_length:
            # Even a file that is at its end has one more turn: its end is noticed when more is wanted of it.
            in_turn.append(UnreadFile(file.number, file.num_read + block_length))
        elif next_number < len(lengths):
            in_turn.append(UnreadFile(next_number, num_read=0))
            next_number += 1
    return Place(position, tuple(in_turn), next_number)
