"""The pieces that the networks of a search space are put together from."""

import dataclasses
from collections.abc import Iterator

from ofa_tf.blocks import StaticBlock, out_size
from ofa_tf.search_space import SearchSpace


@dataclasses.dataclass(frozen=True)
class Piece:
    """A part of a network that is measured on its own.

    Pieces with equal keys are equal networks, whatever their place.

    Args:
        key: What distinguishes the piece, for people too, such as
            `"k5_s2_in24_mid96_out40_relu_se24"`; `"stem"` (with the first
            block) and `"head"` are the parts around the elastic blocks.
        in_channels: Channels of the input.
        block: The block; `None` for stem and head.
    """

    key: str
    in_channels: int
    block: StaticBlock | None = None


STEM, HEAD, OVERHEAD = "stem", "head", "overhead"


def block_key(block: StaticBlock) -> str:
    """Key of a block's piece: its data without its name."""
    squeeze = f"_se{block.squeeze_channels}" if block.squeeze_channels else ""
    return (
        f"k{block.kernel_size}_s{block.stride}_in{block.in_channels}_mid{block.middle_channels}"
        f"_out{block.out_channels}_{block.activation}{squeeze}{'_add' if block.has_residual else ''}"
    )


def block_choices(space: SearchSpace) -> Iterator[tuple[int, int, int, StaticBlock]]:
    """All elastic blocks with each of their choices made.

    Yields:
        Index of the block, index of its kernel size, index of its expand ratio,
        and the block itself.
    """
    for index, block in enumerate(space.blocks):
        for kernel, kernel_size in enumerate(block.kernel_sizes):
            for expand, middle in enumerate(block.middle_channels):
                chosen = StaticBlock(
                    name=block.name,
                    in_channels=block.in_channels,
                    middle_channels=middle,
                    out_channels=block.out_channels,
                    kernel_size=kernel_size,
                    stride=block.stride,
                    activation=block.activation,
                    squeeze_channels=block.squeeze_channels[expand] if block.squeeze_channels else 0,
                    has_residual=block.has_residual,
                )
                yield index, kernel, expand, chosen


def input_sizes(space: SearchSpace, image_size: int) -> tuple[list[int], int]:
    """Height and width that each elastic block, and the head, get as input.

    Depth does not matter: only the first block of a stage, which is never
    skipped, has a stride.
    """
    size = int(out_size(image_size, space.stem_stride))
    sizes = []
    for block in space.blocks:
        sizes.append(size)
        size = int(out_size(size, block.stride))
    return sizes, size


def distinct_pieces(space: SearchSpace, image_sizes: tuple[int, ...]) -> list[tuple[Piece, list[int]]]:
    """Every piece once, with the input sizes it occurs at for `image_sizes`."""
    found: dict[str, tuple[Piece, set[int]]] = {STEM: (Piece(STEM, 3), set(image_sizes))}
    layouts = [input_sizes(space, image_size) for image_size in image_sizes]
    for index, _, _, block in block_choices(space):
        key = block_key(block)
        piece = found.setdefault(key, (Piece(key, block.in_channels, block), set()))
        piece[1].update(sizes[index] for sizes, _ in layouts)
    found[HEAD] = (Piece(HEAD, space.stages[-1].width), {size for _, size in layouts})
    return [(piece, sorted(sizes)) for piece, sizes in found.values()]
