"""The pieces that the networks of a search space are put together from."""

import dataclasses
import itertools
from collections.abc import Sequence

from ofa_tf.base.errors import InputError
from ofa_tf.space.blocks.part_type import PlainPart, StemPart
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.graph.input_format import NORMALIZED

OVERHEAD = "overhead"


@dataclasses.dataclass(frozen=True)
class Piece:
    """A part of a network that is measured on its own.

    Pieces with equal keys are equal networks, whatever their place.

    Args:
        key: What distinguishes the piece, for people too, such as
            `"k5_s2_in24_mid96_out40_relu_se24"`; `"overhead"` is a network that
            does nothing.
        in_channels: Channels of the input.
        part: The part of a network; `None` for the overhead.
        input_type: Of a stem, what its model takes as an image, see `InputFormat`.
    """

    key: str
    in_channels: int
    part: PlainPart | None = None
    input_type: str = NORMALIZED

    @classmethod
    def of_part(cls, part: PlainPart, input_type: str = NORMALIZED) -> "Piece":
        """The piece of a part; of a stem, for what models take as an image."""
        return cls(piece_key(part, input_type), part.in_channels, part, input_type)


def piece_key(part: PlainPart, input_type: str = NORMALIZED) -> str:
    """The key of the piece of a part, in a model that takes images of some type, see `InputFormat`.

    The stem's piece has what makes normalised images of others.
    """
    if input_type == NORMALIZED or not isinstance(part, StemPart):
        return part.latency_key
    return f"{part.latency_key}_{input_type}"


def distinct_pieces(
    space: SearchSpace, image_sizes: tuple[int, ...], input_types: Sequence[str] = (NORMALIZED,)
) -> list[tuple[Piece, list[int]]]:
    """Every piece once, with the input sizes it occurs at.

    Args:
        space: The search space.
        image_sizes: Heights and widths of images, pixels.
        input_types: What models may take as an image: a stem has a piece for each.

    Returns:
        Each piece with the heights and widths of its input, pixels, ascending.

    Raises:
        InputError: If two different parts have the same key: their part type names
            too little in it.
    """
    pieces: dict[str, Piece] = {}
    input_sizes: dict[str, set[int]] = {}
    layouts = [space.input_sizes(image_size) for image_size in image_sizes]
    for part in space.parts:
        sizes = {layout[part.name] for layout in layouts}
        for option, input_type in itertools.product(part.options.flat, input_types):
            piece = Piece.of_part(option, input_type)
            known = pieces.setdefault(piece.key, piece)
            if known.part != option:
                raise InputError(
                    f"Expected different parts to have different keys. Received: {piece.key!r} of {known.part} and of "
                    f"{option}. Let `latency_key` of the part type {option.type_name!r} name what differs."
                )
            input_sizes.setdefault(piece.key, set()).update(sizes)
    return [(piece, sorted(input_sizes[key])) for key, piece in pieces.items()]
