"""`Registry`: things that are known by a name, such as block types, quantization modes and devices."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from ofa_tf.base.errors import InputError

_Entry = TypeVar("_Entry")


class Registry(Generic[_Entry]):
    """Things of one kind by their names, in the order in which they were registered.

    Whoever adds a new thing of the kind registers it once; all others look it up and
    never ask which one it is.

    Args:
        kind: What the things are, in words, for error messages: `"block type"`.
        hint: What to do about a name that is not known, appended to the message.
    """

    def __init__(self, kind: str, hint: str = "") -> None:
        self._kind = kind
        self._hint = hint
        self._entries: dict[str, _Entry] = {}

    def register(self, name: str, entry: _Entry) -> _Entry:
        """Make a thing known by a name.

        Registering an equal thing again changes nothing. A class or function that is
        defined again in its place, as when a cell of a notebook is run again, takes
        the place of the one before.

        Returns:
            The thing.

        Raises:
            InputError: If another thing has the name already.
        """
        known = self._entries.get(name, entry)
        if known != entry and not _is_redefinition(known, entry):
            raise InputError(
                f"Expected the name of a {self._kind} to be new. Received: {name!r}, which is taken. Choose another."
            )
        self._entries[name] = entry
        return entry

    def __getitem__(self, name: str) -> _Entry:
        """Look a thing up.

        Raises:
            InputError: If there is none of that name.
        """
        if name not in self._entries:
            message = f"Expected a {self._kind}, one of {list(self._entries)}. Received: {name!r}. {self._hint}"
            raise InputError(message.rstrip())
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries


def _is_redefinition(known: object, entry: object) -> bool:
    """Whether both are classes or functions of the same name in the same module."""
    place = _place_of_definition(known)
    return place is not None and place == _place_of_definition(entry)


def _place_of_definition(entry: object) -> tuple[str, str] | None:
    """Module and name of a class or function; `None` for all else, and for what is made within a function."""
    module = getattr(entry, "__module__", None)
    name = getattr(entry, "__qualname__", None)
    if module is None or name is None or "<" in name:  # "<lambda>", "function.<locals>.name"
        return None
    return module, name
