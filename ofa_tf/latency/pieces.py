"""The pieces that the networks of a search space are put together from."""

import dataclasses

from ofa_tf.base.errors import InputError
from ofa_tf.space.blocks.part_type import PlainPart
from ofa_tf.space.search_space import SearchSpace

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
    """

    key: str
    in_channels: int
    part: PlainPart | None = None

    @classmethod
    def of_part(cls, part: PlainPart) -> "Piece":
        """The piece of a part."""
        return cls(part.latency_key, part.in_channels, part)


def distinct_pieces(space: SearchSpace, image_sizes: tuple[int, ...]) -> list[tuple[Piece, list[int]]]:
    """Every piece once, with the input sizes it occurs at.

    Args:
        space: The search space.
        image_sizes: Heights and widths of images, pixels.

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
        for option in part.options.flat:
            piece = Piece.of_part(option)
            known = pieces.setdefault(piece.key, piece)
            if known.part != option:
                raise InputError(
                    f"Expected different parts to have different keys. Received: {piece.key!r} of {known.part} and of "
                    f"{option}. Let `latency_key` of the part type {option.type_name!r} name what differs."
                )
            input_sizes.setdefault(piece.key, set()).update(layout[part.name] for layout in layouts)
    return [(piece, sorted(input_sizes[key])) for key, piece in pieces.items()]
