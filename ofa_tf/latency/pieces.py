"""The pieces that the networks of a search space are put together from."""

import dataclasses

from ofa_tf.space.part_types import Bottleneck, DeepStem, MBConv, PlainPart, Stem
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


def part_key(part: PlainPart) -> str:
    """Key of a part's piece."""
    if isinstance(part, MBConv):
        squeeze = f"_se{part.squeeze_channels}" if part.squeeze_channels else ""
        expand = "" if part.has_expand else "_noexpand"
        return (
            f"k{part.kernel_size}_s{part.stride}_in{part.in_channels}_mid{part.middle_channels}"
            f"_out{part.out_channels}_{part.activation}{squeeze}{expand}{'_add' if part.has_residual else ''}"
        )
    if isinstance(part, Bottleneck):
        widths = f"in{part.in_channels}_mid{part.middle_channels}_out{part.out_channels}"
        return f"bottleneck_s{part.stride}_{widths}_{'downsample' if part.has_downsample else 'add'}"
    if isinstance(part, DeepStem):
        return f"stem_mid{part.middle_channels}_out{part.out_channels}_depth{part.depth}"
    return "stem" if isinstance(part, Stem) else f"head_in{part.in_channels}"


def distinct_pieces(space: SearchSpace, image_sizes: tuple[int, ...]) -> list[tuple[Piece, list[int]]]:
    """Every piece once, with the input sizes it occurs at for `image_sizes`."""
    found: dict[str, tuple[Piece, set[int]]] = {}
    layouts = [space.input_sizes(image_size) for image_size in image_sizes]
    for part in space.parts:
        for option in part.options.flat:
            key = part_key(option)
            _, sizes = found.setdefault(key, (Piece(key, option.in_channels, option), set()))
            sizes.update(layout[part.name] for layout in layouts)
    return [(piece, sorted(sizes)) for piece, sizes in found.values()]
