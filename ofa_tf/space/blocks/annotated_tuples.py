"""Which fields of a dataclass are tuples of numbers: the choices of `Stage` and of `Arch`."""

import functools
import typing
from collections.abc import Mapping
from types import MappingProxyType


def tuple_fields(dataclass: type) -> Mapping[str, type]:
    """The fields of a dataclass that are annotated as a tuple of any length.

    Returns:
        By the field's name, the type of the entries: `int` for `tuple[int, ...]`.
    """
    return _cached_tuple_fields(dataclass)


@functools.cache
def _cached_tuple_fields(dataclass: type) -> Mapping[str, type]:
    kinds = {}
    for name, annotation in typing.get_type_hints(dataclass).items():
        if typing.get_origin(annotation) is tuple:
            kinds[name] = typing.get_args(annotation)[0]
    return MappingProxyType(kinds)
