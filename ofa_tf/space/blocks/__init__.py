"""The part types as data: what a stem, a block or a head is, one file each.

Read `part_type.py` (what each of them says of itself), then `mbconv.py`, the block of most spaces; `stage.py` holds
the choices of a run of blocks (`annotated_tuples.py`: which fields do), `axis.py` those of one property of a part,
`activation_names.py` what an activation may be called, `layers.py` what a part is made of. `registry.py` knows the
types by name, and `builtin.py` registers those of the package. The layers of a type stand in the file of the same
name in `ofa_tf/networks/blocks/`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["builtin"],
    submod_attrs={
        "activation_names": ["check_activation"],
        "annotated_tuples": ["tuple_fields"],
        "axis": ["Axis"],
        "bottleneck": ["Bottleneck"],
        "deep_stem": ["DeepStem"],
        "head": ["Head"],
        "layers": ["PART_INPUT", "Layer", "LayerKind", "LayerList", "layer_sizes"],
        "mbconv": ["MBConv"],
        "part_type": ["Block", "PlainPart", "StemDesign", "StemPart"],
        "registry": ["get_block_type", "get_stem_type", "register_part_type"],
        "rounding": ["make_divisible", "multiply_width", "out_size"],
        "stage": ["Stage"],
        "stem": ["Stem"],
    },
)
