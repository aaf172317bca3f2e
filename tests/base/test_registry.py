from collections.abc import Callable

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.base.registry import Registry


def test_what_is_registered_is_found_in_order() -> None:
    registry: Registry[int] = Registry("number")
    assert registry.register("one", 1) == 1
    registry.register("two", 2)
    registry.register("one", 1)  # again, as when a module is imported twice
    assert (registry["one"], registry["two"]) == (1, 2)
    assert len(registry) == 2
    assert list(registry) == ["one", "two"]
    assert "one" in registry
    assert "three" not in registry


def test_an_unknown_name_is_refused_with_the_known_ones_and_what_to_do() -> None:
    registry: Registry[int] = Registry("number", hint="Count again.")
    registry.register("one", 1)
    message = r"Expected a number, one of \['one'\]\. Received: 'two'\. Count again\."
    with pytest.raises(InputError, match=message):
        registry["two"]


def test_a_name_is_not_given_twice() -> None:
    registry: Registry[int] = Registry("number")
    registry.register("one", 1)
    with pytest.raises(InputError, match=r"Expected the name of a number to be new\. Received: 'one'"):
        registry.register("one", 2)
    assert registry["one"] == 1


def test_what_is_defined_again_takes_the_place_of_the_one_before() -> None:
    registry: Registry[type] = Registry("class")
    registry.register("mine", type("Mine", (), {}))
    again = type("Mine", (), {})
    registry.register("mine", again)
    assert registry["mine"] is again
    with pytest.raises(InputError, match="which is taken"):
        registry.register("mine", dict)


def test_functions_without_a_name_of_their_own_are_different_ones() -> None:
    registry: Registry[Callable[[], int]] = Registry("function")
    registry.register("mine", lambda: 1)
    with pytest.raises(InputError, match="which is taken"):
        registry.register("mine", lambda: 2)
