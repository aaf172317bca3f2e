"""`drop_events_after`: what keeps TensorBoard's curves from going back when a run is resumed.

A run that is killed has logged steps that its newest checkpoint does not have. When it goes on, it takes these steps
again, and logs them again.
"""

from pathlib import Path

import tensorflow as tf

from ofa_tf.base import files

_PATTERN = "events.out.tfevents.*"


def drop_events_after(folder: Path, last_step: int) -> None:
    """Remove what the event files of a folder tell of later steps.

    Args:
        folder: With event files, whose writers are closed; it need not exist.
        last_step: The last step that is kept.
    """
    for path in sorted(folder.glob(_PATTERN)):
        events = _read_events(path)
        kept = []
        for event in events:
            if event.step <= last_step:
                kept.append(event)
        if not any(event.HasField("summary") for event in kept):
            path.unlink()
        elif len(kept) < len(events):
            _write_events(path, kept)


def _read_events(path: Path) -> list[tf.compat.v1.Event]:
    """The events of a file, up to the one that a killed run has not written to its end."""
    events: list[tf.compat.v1.Event] = []
    records = iter(tf.data.TFRecordDataset(str(path)))
    while True:
        try:
            record = next(records, None)
        except tf.errors.DataLossError:
            return events
        if record is None:
            return events
        events.append(tf.compat.v1.Event.FromString(record.numpy()))


def _write_events(path: Path, events: list[tf.compat.v1.Event]) -> None:
    with files.atomic_path(path) as temporary, tf.io.TFRecordWriter(str(temporary)) as writer:
        for event in events:
            writer.write(event.SerializeToString())
