"""`find_documents`: the JSON files of a run, by what they say they are. Loads neither TensorFlow nor Keras."""

import dataclasses
import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ofa_tf.base.errors import InputError
from ofa_tf.report.page.contents import Note

# What a file that lacks an entry, or has another type in its place, makes of reading it.
FAULTS = (InputError, KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError)

# Every file that the project writes says at its beginning what it is.
_SCHEMA = re.compile(rb'"schema":\s*"ofa_tf/(\w+)/')
_BYTES_TO_SCHEMA = 200

# What a file is called that is no JSON at all.
_DAMAGED = "damaged"

# Checkpoints hold gigabytes, logs no JSON.
_FOLDERS_PASSED_OVER = frozenset({"checkpoints", "logs"})


@dataclasses.dataclass(frozen=True)
class Document:
    """A JSON file of a run.

    Args:
        path: The file.
        kind: What it is, such as `"front"`.
    """

    path: Path
    kind: str


def find_documents(workdir: Path) -> list[Document]:
    """The JSON files below a folder that say what they are, or are damaged before they could, by their paths."""
    found = []
    for path in _json_files(workdir):
        kind = read_kind(path)
        if kind is None and not _is_json(path):
            kind = _DAMAGED
        if kind is not None:
            found.append(Document(path, kind))
    return found


def note_damaged(documents: Sequence[Document]) -> list[Note]:
    """What the report says of files that are empty or cut off at their beginning."""
    notes = []
    for path in of_kind(documents, _DAMAGED):
        notes.append(Note(f"{path} was left out: it is empty or damaged. Put it back from a copy, or remove it."))
    return notes


def _is_json(path: Path) -> bool:
    """Whether a file is JSON, of whatever program; also if it cannot be read, which says nothing against it."""
    try:
        json.loads(path.read_bytes())
    except OSError:
        return True
    except ValueError:
        return False
    return True


def of_kind(documents: Sequence[Document], kind: str) -> list[Path]:
    """The files of a kind."""
    return [document.path for document in documents if document.kind == kind]


def newest_first(paths: Iterable[Path]) -> list[Path]:
    """Files by the time when they were written; those of the same time by their paths."""
    return sorted(paths, key=_age)


def _age(path: Path) -> tuple[float, str]:
    return (-path.stat().st_mtime, str(path))


def read_kind(path: Path) -> str | None:
    """What a JSON file says it is; `None` if it says nothing or cannot be read."""
    try:
        with path.open("rb") as stream:
            beginning = stream.read(_BYTES_TO_SCHEMA)
    except OSError:
        return None
    match = _SCHEMA.search(beginning)
    if match is None:
        return None
    return match.group(1).decode()


def note_left_out(path: Path, fault: Exception) -> Note:
    """What the report says of a file that it cannot show.

    Args:
        path: The file.
        fault: One of `FAULTS`, which reading it raised.
    """
    reason = f"it is not as it was written ({fault!r})."
    if isinstance(fault, InputError):
        reason = str(fault)
    return Note(f"{path} was left out: {reason}")


def _json_files(workdir: Path) -> Iterator[Path]:
    for folder, subfolders, names in os.walk(workdir):
        wanted = [name for name in subfolders if name not in _FOLDERS_PASSED_OVER and not name.startswith(".")]
        subfolders[:] = sorted(wanted)
        for name in sorted(names):
            if name.endswith(".json"):
                yield Path(folder, name)
