"""The names of the activations; the functions are in `ofa_tf/networks/layers/activations.py`."""

from ofa_tf.base.errors import InputError

ACTIVATION_NAMES = ("hard_sigmoid", "hard_swish", "linear", "relu", "relu6")


def check_activation(name: str) -> None:
    """Check that there is an activation of a name.

    Raises:
        InputError: If there is none.
    """
    if name not in ACTIVATION_NAMES:
        raise InputError(
            f"Expected `activation` to be one of {list(ACTIVATION_NAMES)}. Received: activation={name!r}. "
            "Another one needs a function in ofa_tf/networks/layers/activations.py, and conversion to know it."
        )
