"""Families: subnets for several budgets whose blocks have the same widths, so that one file holds them cheaply.

Read `widths.py` (what the subnets of a family have in common) and `members.py` (which subnets of a front serve all
budgets best); `known_archs.py` is what is known of subnets on the way, `measured_family.py` what a search for a family
found.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "known_archs": ["KnownArchs"],
        "measured_family": ["Family"],
        "members": ["pick_members"],
        "widths": ["Widths", "width_genes"],
    },
)
