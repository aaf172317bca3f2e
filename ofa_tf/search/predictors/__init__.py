"""Accuracy predictors: from some measured subnets to the accuracy of any other.

A search looks at tens of thousands of subnets, and measuring one takes seconds to minutes; so it asks a predictor.
Read `accuracy_predictor.py` (what every predictor can do), then `features.py` (what it sees of an arch), then
`ridge_predictor.py` (the one there is), then `predictor_registry.py` (where another one is made known: write it in
a file of its own and register it there).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "accuracy_predictor": ["AccuracyPredictor", "MIN_ARCHS_FOR_PREDICTOR", "check_space"],
        "predictor_registry": ["DEFAULT_PREDICTOR", "PREDICTORS", "fit_predictor", "get_predictor"],
    },
)
