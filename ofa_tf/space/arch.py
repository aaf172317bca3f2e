"""`Arch`: which subnet, as plain data."""

import dataclasses
import json
import math
import numbers
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.space.blocks.annotated_tuples import tuple_fields


@dataclasses.dataclass(frozen=True)
class Arch:
    """The choices that single out one subnet of a search space.

    An `Arch` is plain, hashable data. Each field that is a tuple holds a list of
    choices; which these are follows from the annotations, as in `Stage`. It checks its own form (types, signs);
    whether its values are among the choices of a space is checked by
    `SearchSpace.validate`.

    Args:
        space: Name of the search space.
        image_size: Input height and width in pixels.
        depths: Number of blocks of each elastic stage.
        kernel_sizes: Depthwise kernel size of each elastic block at full depth.
            Entries of skipped blocks are kept and ignored.
        expand_ratios: Expand ratio of each elastic block at full depth.
        width_multipliers: Output width multipliers, for spaces that have them.
        stem_depth: 0 or 1 for spaces with an optional stem convolution.

    Raises:
        InputError: If a field has the wrong type or sign.
    """

    space: str
    image_size: int
    depths: tuple[int, ...]
    kernel_sizes: tuple[int, ...] = ()
    expand_ratios: tuple[float, ...] = ()
    width_multipliers: tuple[float, ...] = ()
    stem_depth: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.space, str) or not self.space:
            raise InputError(f"Expected `space` to be the name of a search space. Received: space={self.space!r}.")
        object.__setattr__(self, "image_size", _number("image_size", self.image_size, int, minimum=1))
        for name, kind in tuple_fields(type(self)).items():
            values = getattr(self, name)
            if isinstance(values, str) or not hasattr(values, "__iter__"):
                raise InputError(f"Expected `{name}` to be a list of numbers. Received: {name}={values!r}.")
            object.__setattr__(self, name, tuple(_number(name, value, kind, minimum=0) for value in values))
        if self.stem_depth is not None:
            object.__setattr__(self, "stem_depth", _number("stem_depth", self.stem_depth, int, minimum=0))

    @classmethod
    def choice_fields(cls) -> tuple[str, ...]:
        """Names of the fields that hold choices: all but the space's name."""
        return tuple(field.name for field in dataclasses.fields(cls) if field.name != "space")

    def entries(self, field: str) -> tuple[float, ...]:
        """The choices that a field holds: one for `image_size` and `stem_depth`, none for a field left empty."""
        value = getattr(self, field)
        if value is None:
            return ()
        if isinstance(value, tuple):
            return value
        return (value,)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-serialisable data; `from_dict` reverses it."""
        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}

    def to_json(self) -> str:
        """The fields as one line of JSON."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Arch":
        """Build an `Arch` from its fields.

        Args:
            values: Field name -> value. `schema`, `versions` and `notes`, which
                files carry besides, are left out.

        Raises:
            InputError: If a field is unknown, missing or ill-formed.
        """
        names = [field.name for field in dataclasses.fields(cls)]
        values = {name: value for name, value in values.items() if name not in ("schema", "versions", "notes")}
        unknown = sorted(set(values) - set(names))
        if unknown:
            raise InputError(f"Expected an arch to have only the fields {names}. Received also: {unknown}.")
        missing = [name for name in ("space", "image_size", "depths") if name not in values]
        if missing:
            raise InputError(f"Expected an arch to have the fields {missing}. Received only: {sorted(values)}.")
        return cls(**values)

    @classmethod
    def load(cls, path: str | Path) -> "Arch":
        """Read an arch JSON file.

        Raises:
            InputError: If the file is missing or does not hold an arch.
        """
        document = files.read_json(path, "arch", hint="Write one with tools/search.py.")
        try:
            return cls.from_dict(document)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    def save(self, path: str | Path, notes: Mapping[str, Any] | None = None) -> None:
        """Write an arch JSON file, atomically.

        Args:
            path: Target file.
            notes: Further facts to keep in the file, such as predictions.
        """
        payload = self.to_dict()
        if notes:
            payload["notes"] = dict(notes)
        files.write_json(path, "arch", payload)


def _number(name: str, value: Any, kind: type, minimum: int) -> Any:
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)  # NumPy's scalars are `Real`, too
    if not is_number or not minimum <= value < math.inf or (kind is int and value != int(value)):
        rule = "a whole number" if kind is int else "a number"
        raise InputError(f"Expected `{name}` to be {rule} of at least {minimum}. Received: {name}={value!r}.")
    whole = int(value)
    return whole if value == whole else float(value)
