"""The one registry of part types: stems, blocks and heads by their names."""

from typing import Any, TypeVar

from ofa_tf.base.errors import InputError
from ofa_tf.base.registry import Registry
from ofa_tf.space.blocks.part_type import Block, PlainPart, StemPart

_HINT = (
    "One of your own is registered by its file: --plugins=FILE for a new run, ofa_tf.load_plugins([FILE]) in Python; "
    "ofa_tf.open_run(workdir) loads those that a run was trained with. "
    "See ofa_tf.space.blocks.register_part_type."
)

PART_TYPES: Registry[type[PlainPart]] = Registry("part type", hint=_HINT)

_Part = TypeVar("_Part", bound=PlainPart)


def register_part_type(part_type: type[_Part]) -> type[_Part]:
    """Make a part type known by its `type_name`; to be used as a decorator.

    Raises:
        InputError: If another type has the name already.
    """
    PART_TYPES.register(part_type.type_name, part_type)
    return part_type


def get_block_type(name: str) -> type[Block]:
    """Look up the type of a stage's blocks.

    Raises:
        InputError: If there is no such part type, or it is none of blocks.
    """
    block_type: type[Block] = _get("block_type", name, Block)
    return block_type


def get_stem_type(name: str) -> type[StemPart]:
    """Look up the type of a stem.

    Raises:
        InputError: If there is no such part type, or it is none of stems.
    """
    stem_type: type[StemPart] = _get("stem_type", name, StemPart)
    return stem_type


def _get(argument: str, name: str, kind: Any) -> Any:
    """Look up a part type of a kind; `argument` is what the user calls the name."""
    known = {}
    for known_name in PART_TYPES:
        part_type = PART_TYPES[known_name]
        if issubclass(part_type, kind):
            known[known_name] = part_type
    if name not in known:
        raise InputError(f"Expected `{argument}` to be one of {list(known)}. Received: {argument}={name!r}. {_HINT}")
    return known[name]
