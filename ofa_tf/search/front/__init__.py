"""Fronts (Pareto): the archs of which none is better in one objective without being worse in another.

Read `dominance.py` (what better means with several objectives, and how good a front is) and `front_evolution.py`, which
finds fronts by NSGA-II; `measured_front.py` is what a search for a front found. Objectives are functions of genes, all
of them minimised.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "dominance": ["find_front", "hypervolume"],
        "front_evolution": ["evolve_front", "Objective"],
        "measured_front": ["Front", "FrontPoint", "StopReason"],
    },
)
