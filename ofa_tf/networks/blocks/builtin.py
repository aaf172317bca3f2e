"""The layers of the part types that come with the package: importing this module registers them."""

from ofa_tf.networks.blocks import bottleneck, deep_stem, head, mbconv, stem

BUILTIN_PART_LAYERS = (
    stem.ConvStem,
    deep_stem.ElasticDeepStem,
    mbconv.ElasticMBConv,
    bottleneck.ElasticBottleneck,
    head.ElasticHead,
)
