"""The part types that come with the package: importing this module registers them, one line each."""

from ofa_tf.space.blocks import bottleneck, deep_stem, head, mbconv, stem

BUILTIN_PART_TYPES = (
    stem.Stem,
    deep_stem.DeepStem,
    mbconv.MBConv,
    bottleneck.Bottleneck,
    head.Head,
)
