"""What the settings of a training run may be, and the error for one that breaks its rule."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from ofa_tf.base.errors import InputError


@dataclasses.dataclass(frozen=True)
class Rule:
    """What values a setting may have.

    Args:
        text: The rule in words, as in "Expected `epochs` to be at least 1".
        holds: Whether a value keeps it.
    """

    text: str
    holds: Callable[[Any], bool]


AT_LEAST_ZERO = Rule("at least 0", lambda value: value >= 0)
AT_LEAST_ONE = Rule("at least 1", lambda value: value >= 1)
POSITIVE = Rule("positive", lambda value: value > 0)
BELOW_ONE = Rule("in [0, 1)", lambda value: 0 <= value < 1)
BETWEEN_ZERO_AND_ONE = Rule("in (0, 1)", lambda value: 0 < value < 1)
INT32_SEED = Rule("from 0 to below 2**31", lambda value: 0 <= value < 2**31)


class SettingError(InputError):
    """A setting breaks its rule.

    Whoever took the setting from somewhere else, such as a command line, can say so
    in the words that its user knows: see `described`.

    Args:
        name: Name of the setting.
        rule: The rule in words.
        value: What came.
    """

    def __init__(self, name: str, rule: str, value: Any) -> None:
        super().__init__(f"Expected `{name}` to be {rule}. Received: {name}={value}.")
        self.name = name
        self.rule = rule
        self.value = value

    def described(self, name: str) -> InputError:
        """The same error about what the user calls `name`, such as `--full_epochs`."""
        return InputError(f"Expected {name} to be {self.rule}. Received: {name}={self.value}.")


def check_settings(settings: Any, rules: Mapping[str, Rule]) -> None:
    """Check attributes of `settings`, in the order of `rules`.

    Args:
        settings: Any object.
        rules: Name of an attribute -> its rule.

    Raises:
        SettingError: For the first one that breaks its rule.
    """
    for name, rule in rules.items():
        value = getattr(settings, name)
        if not rule.holds(value):
            raise SettingError(name, rule.text, value)
