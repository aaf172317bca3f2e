"""Channel sorting: the most important middle channels come first."""

from ofa_tf.base.errors import InputError
from ofa_tf.networks.supernet import Supernet


def sort_channels(supernet: Supernet, stage: int = 0) -> None:
    """Reorder the middle channels of every block by importance, in place.

    A narrower block keeps the first channels, so the important ones must come
    first when a width stage begins. The importance of a channel is the L1 norm
    of its row of the projecting convolution. The largest subnet's output does
    not change.

    Args:
        supernet: Its weights and running statistics are reordered.
        stage: Width stage about to begin, from 0. In stage s, the channels that
            the s largest-but-one expand ratios keep stay ahead of the others.

    Raises:
        InputError: If `stage` is not below every block's number of expand ratios.

    Reference: Once-for-All, section 3.3, figure 4, and its released code.
    """
    space = supernet.space
    num_stages = min(len(stage_of_space.expand_ratios) for stage_of_space in space.stages)
    if not 0 <= stage < num_stages:
        raise InputError(f"Expected `stage` to be from 0 to {num_stages - 1}. Received: stage={stage}.")
    for part, layer in zip(space.blocks, supernet.blocks, strict=True):
        layer.sort_channels(part, stage)
