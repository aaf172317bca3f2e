"""Search spaces small enough for tests."""

from ofa_tf.space.blocks.stage import Stage
from ofa_tf.space.presets import register_search_space
from ofa_tf.space.search_space import SearchSpace

# Tells a program of these spaces.
PLUGINS_FLAG = f"--plugins={__file__}"

MICRO = register_search_space(
    SearchSpace(
        name="micro",
        image_sizes=(16, 20),
        stem_width=8,
        stem_stride=2,
        first_width=8,
        stages=(
            Stage(8, 1, "relu", False, (1, 2), (3, 5), (2, 3)),
            Stage(16, 2, "hard_swish", True, (1, 2), (3, 5), (2, 3)),
        ),
        feature_width=32,
        head_width=32,
    )
)

# Its networks take a measurable time.
SMALL = register_search_space(
    SearchSpace(
        name="small",
        image_sizes=(32, 48),
        stem_width=16,
        stem_stride=2,
        first_width=16,
        stages=(
            Stage(24, 2, "relu", False, (1, 2), (3, 5), (3, 6)),
            Stage(40, 2, "hard_swish", True, (1, 2), (3, 5), (3, 6)),
        ),
        feature_width=64,
        head_width=64,
    )
)

# A space of bottleneck blocks, whose output widths and stem are elastic too.
BOTTLENECKS = register_search_space(
    SearchSpace(
        name="bottlenecks",
        image_sizes=(33, 40),
        stem_width=32,
        stages=(
            Stage(32, 1, "relu", depths=(1, 2), kernel_sizes=(3,), expand_ratios=(0.25, 0.5), block_type="bottleneck"),
            Stage(64, 2, "relu", depths=(1, 2), kernel_sizes=(3,), expand_ratios=(0.25, 0.5), block_type="bottleneck"),
        ),
        activation="relu",
        has_deep_stem=True,
        width_multipliers=(0.5, 1.0),
    )
)
