"""Footprint: file size and peak memory of models from their lowered graphs, before one is made.

Read `footprint.py` first: `Footprint` looks both up for whole populations. `part_graphs.py` makes the lowered graph of
a part from its layers as data, and `operators.py` what the converter makes of it. `file_size.py` counts the bytes that
an operator adds to a file, `zero_points.py` those that a network has once, `memory.py` the activations that are alive
at once, which `arena.py` lays out as LiteRT does. `family_size.py` says what a file of several models takes. No
TensorFlow is loaded.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "family_size": ["family_bytes"],
        "footprint": ["Footprint", "footprint_of_form"],
    },
)
