"""The accuracy predictors that there are, by name."""

from ofa_tf.base.plugins import PLUGIN_HINT
from ofa_tf.base.registry import Registry
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.search.predictors.accuracy_predictor import AccuracyPredictor
from ofa_tf.search.predictors.ridge_predictor import RidgePredictor

PREDICTORS: Registry[type[AccuracyPredictor]] = Registry("predictor of accuracies", PLUGIN_HINT)
PREDICTORS.register("ridge", RidgePredictor)

DEFAULT_PREDICTOR = "ridge"


def get_predictor(name: str) -> type[AccuracyPredictor]:
    """The class of a predictor.

    Raises:
        InputError: If there is none of that name.
    """
    return PREDICTORS[name]


def fit_predictor(table: AccuracyTable, name: str = DEFAULT_PREDICTOR) -> AccuracyPredictor:
    """Fit a predictor to measured accuracies.

    Args:
        table: The measured accuracies.
        name: Which predictor, one of `PREDICTORS`.

    Raises:
        InputError: If there is none of that name, or the table has too few entries.
    """
    return get_predictor(name).fit(table)
