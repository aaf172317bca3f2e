"""Accuracy predictors: from some measured subnets to the accuracy of any other, with error bars.

A search looks at tens of thousands of subnets, and measuring one takes seconds to minutes; so it asks a predictor.
Read `prediction.py` (what comes out), `accuracy_predictor.py` (what every predictor can do), then `features.py` (what
it sees of an arch), then `linear_predictor.py`, `gaussian_process_predictor.py` and `mlp_ensemble_predictor.py` (the
three there are, for small, middle and large tables), `cross_validation.py` (how good one is) and `fitted_predictor.py`
(which one is taken). Another one is a file of its own, registered in `predictor_registry.py`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "accuracy_predictor": ["AccuracyPredictor", "MIN_ARCHS_FOR_PREDICTOR", "check_space", "check_table"],
        "cross_validation": ["PredictorQuality", "learning_curve"],
        "fitted_predictor": ["FittedPredictor", "fit_predictor"],
        "prediction": ["Prediction", "noise_of_difference"],
        "predictor_registry": ["AUTOMATIC", "LINEAR", "PREDICTORS", "check_predictor", "get_predictor"],
    },
)
