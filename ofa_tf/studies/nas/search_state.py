"""`SearchState`: what a search has come to, in a file, so that it goes on where it was stopped.

All that is random in a search is a pure function of the seed and the step, so one that went on finds what it would have
found in one go. Loads NumPy only.
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import announce

_FACTS = "facts"
_NOTES = "notes"


class SearchState:
    """The file of a search in progress.

    Args:
        path: Where it lies; `None`: nothing is kept.
        facts: What decides the search, as JSON-serialisable data. The state of another search is refused.
    """

    def __init__(self, path: Path | None, facts: Mapping[str, Any]) -> None:
        self._path = path
        self._facts = json.dumps(facts, sort_keys=True)

    def load(self) -> tuple[list[np.ndarray], dict[str, Any]] | None:
        """The arrays and notes that were saved last; `None` if none were.

        Raises:
            InputError: If they are damaged or of another search.
        """
        if self._path is None or not self._path.exists():
            return None
        try:
            with np.load(self._path) as content:
                facts = str(content[_FACTS])
                notes: dict[str, Any] = json.loads(str(content[_NOTES]))
                arrays = [content[str(number)] for number in range(len(content.files) - 2)]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise InputError(
                f"Expected {self._path} to be as it was written. Received: {error}. Remove it, and the search begins "
                "anew."
            ) from error
        if facts != self._facts:
            raise InputError(
                f"Expected {self._path} to be of this search, {self._facts}. Received: {facts}. Remove it, or use "
                "another --output."
            )
        announce(f"going on from {self._path}")
        return arrays, notes

    def save(self, arrays: Sequence[np.ndarray], notes: Mapping[str, Any]) -> None:
        """Keep the state, in place of the one before.

        Args:
            arrays: Of any shapes.
            notes: JSON-serialisable data.
        """
        if self._path is None:
            return
        content: dict[str, Any] = {str(number): array for number, array in enumerate(arrays)}
        content[_FACTS] = np.array(self._facts)
        content[_NOTES] = np.array(json.dumps(notes))
        buffer = io.BytesIO()
        np.savez(buffer, **content)
        files.write_bytes(self._path, buffer.getvalue())
