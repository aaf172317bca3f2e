"""`check_choices`: whether what an arch says is among the choices of a space."""

import math
from collections.abc import Sequence

from ofa_tf.base.errors import InputError

_MAX_SHOWN_CHOICES = 6  # in an error message; longer lists are shortened


def check_choices(name: str, values: Sequence[float], choices: Sequence[Sequence[float]]) -> None:
    """Check the entries of a field of an arch.

    Args:
        name: Of the field, for the message.
        values: Its entries.
        choices: The ascending choices of each entry.

    Raises:
        InputError: If there are more or fewer entries, or one is not among its choices.
    """
    if len(values) != len(choices):
        raise InputError(
            f"Expected `{name}` to have {len(choices)} entries. Received: {len(values)} ({name}={values})."
        )
    for index, (value, allowed) in enumerate(zip(values, choices, strict=True)):
        if value not in allowed:
            shown = _shorten(allowed)
            raise InputError(f"Expected `{name}[{index}]` to be one of {shown}. Received: {name}[{index}]={value}.")


def _shorten(choices: Sequence[float]) -> str:
    if len(choices) <= _MAX_SHOWN_CHOICES:
        return str(list(choices))
    step = choices[1] - choices[0]
    is_even = math.isclose(step * (len(choices) - 1), choices[-1] - choices[0])
    if is_even:
        return f"{choices[0]}, {choices[1]}, ..., {choices[-1]}"
    return str(list(choices))
