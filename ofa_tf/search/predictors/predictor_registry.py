"""The accuracy predictors that there are, by name."""

from ofa_tf.base.errors import InputError
from ofa_tf.base.plugins import PLUGIN_HINT
from ofa_tf.base.registry import Registry
from ofa_tf.search.predictors.accuracy_predictor import AccuracyPredictor
from ofa_tf.search.predictors.gaussian_process_predictor import GaussianProcessPredictor
from ofa_tf.search.predictors.linear_predictor import LinearPredictor
from ofa_tf.search.predictors.mlp_ensemble_predictor import MlpEnsemblePredictor

LINEAR = "linear"
GAUSSIAN_PROCESS = "gaussian_process"
MLP_ENSEMBLE = "mlp_ensemble"

# Not a predictor: cross-validation chooses one.
AUTOMATIC = "automatic"

PREDICTORS: Registry[type[AccuracyPredictor]] = Registry("predictor of accuracies", PLUGIN_HINT)
PREDICTORS.register(LINEAR, LinearPredictor)
PREDICTORS.register(GAUSSIAN_PROCESS, GaussianProcessPredictor)
PREDICTORS.register(MLP_ENSEMBLE, MlpEnsemblePredictor)


def get_predictor(name: str) -> type[AccuracyPredictor]:
    """The class of a predictor.

    Raises:
        InputError: If there is none of that name.
    """
    return PREDICTORS[name]


def check_predictor(name: str) -> None:
    """Check that a name is that of a predictor, or `AUTOMATIC`.

    Raises:
        InputError: If it is not.
    """
    if name != AUTOMATIC and name not in PREDICTORS:
        raise InputError(
            f"Expected the accuracy predictor (--predictor) to be one of {[*PREDICTORS, AUTOMATIC]}. "
            f"Received: {name!r}. {PLUGIN_HINT}"
        )
