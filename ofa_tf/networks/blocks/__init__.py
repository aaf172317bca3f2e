"""The layers of the part types, one file each: elastic layer, plain Keras twin, weights, sorting, published names.

Read `part_layer.py` (what each of them does, and the registry), then `mbconv.py`. `builtin.py` registers those of
the package. What a part type is, as data, stands in the file of the same name in `ofa_tf/space/blocks/`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["builtin"],
    submod_attrs={
        "head": ["ElasticHead"],
        "mbconv": ["ElasticMBConv"],
        "part_layer": [
            "NetworkSettings",
            "PartLayer",
            "add_plain_norm",
            "add_plain_pair",
            "get_part_layer",
            "kept_middle_channels",
            "layer_arguments",
            "register_part_layer",
        ],
    },
)
