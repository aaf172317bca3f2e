"""Whether the tables of a run are what a search needs, and may be replaced. Loads neither TensorFlow nor Keras."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import tell
from ofa_tf.devices.device import Device
from ofa_tf.devices.device_facts import CHOSEN_FACTS, USUALLY_NONE_FACTS
from ofa_tf.devices.opening import kind_of, open_device
from ofa_tf.latency.latency_table import LatencyTable
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.lowering.targets import CPU, Target, usual_delegate
from ofa_tf.tflite.quantization.model_form import ModelForm
from ofa_tf.workflow.latency_settings import LatencyTableSettings
from ofa_tf.workflow.run_folder import device_id

_ENDING = ".json"  # of a latency table that is built


def opened(device: Device | str, target: Target = CPU) -> Device:
    """A device that is given itself or by its id.

    Args:
        device: The device; one that is given itself is used as it is.
        target: What runs the models on a device that is given by its id.

    Raises:
        InputError: If there can be none of that id, or nothing here measures models of the target.
    """
    if not isinstance(device, str):
        return device
    delegate = usual_delegate(target)
    if delegate is not None and "delegate" in kind_of(device).options:
        return open_device(device, delegate=delegate)
    return open_device(device)


def announce_other_hardware(device: Device, target: Target) -> None:
    """Say so where a device has nothing that models of a target are for, as a computer has no phone's GPU."""
    delegate = device.known_facts().delegate
    if delegate is not None and delegate.lower() not in target.delegates:
        tell(
            f"{device.id} runs models for {target.name} with {delegate}: their latencies there tell nothing of "
            f"{target.description}"
        )


def check_latency_table(table: LatencyTable, path: Path, device: Device | str, form: ModelForm) -> None:
    """Check that a latency table is of a device as it is now, and of models as they are exported now.

    Args:
        table: The table.
        path: Where it lies, for messages.
        device: The device, or its id.
        form: Form that the table's models must have.

    Raises:
        InputError: If it is of another device, target or precision, was measured on another
            computer, with another runtime or by another delegate, or its pieces were exported in
            another way.
    """
    found = (table.device.get("device"), table.form_name)
    if found != (device_id(device), form.name):
        raise InputError(
            f"Expected {path} to be a latency table of {device_id(device)}, {form.name}. "
            f"Received: one of {', '.join(map(str, found))}. "
            "Name another device, target or precision, or build that table with tools/build_latency_table.py."
        )
    facts = opened(device, form.target).known_facts()
    table.check_device(facts.to_dict())
    _check_delegate(table, path, facts.delegate, form.target)
    if table.lowering != form.lowering:
        raise InputError(
            f"Expected a latency table of pieces exported with the rewrites {list(form.lowering)}. "
            f"Received: one with {list(table.lowering)}. Build it again with tools/build_latency_table.py."
        )


def _check_delegate(table: LatencyTable, path: Path, usual: str | None, target: Target) -> None:
    """Check that a table's pieces were run by what runs models of a target on the device."""
    delegate = table.device.get("delegate")
    if delegate is None or usual is None or delegate == usual or delegate in target.delegates:
        return
    raise InputError(
        f"Expected {path} to be of models that {usual} ran, as it runs those for the target {target.name}. Received: "
        f"a latency table measured with delegate={delegate!r}. Measure one with tools/build_latency_table.py "
        f"--target={target.name}."
    )


def check_same_use(table: LatencyTable, device: Device) -> None:
    """Check that a device would run models as when its latency table was measured, apart from the threads.

    Raises:
        InputError: If the table was measured by another program, with another delegate or on other cores.
    """
    facts = device.known_facts().to_dict()
    for name in CHOSEN_FACTS:
        is_known = name in facts or name in USUALLY_NONE_FACTS
        if is_known and name != "num_threads" and facts.get(name) != table.device.get(name):
            raise InputError(
                f"Expected the latency table of {device.id} to be of models run with {name}={facts.get(name)!r}, to "
                f"measure likewise. Received: {name}={table.device.get(name)!r}. Measure it with tools/benchmark.py."
            )


def check_present(commands: Mapping[Path, str], hint: str = "") -> None:
    """Check that tables are there.

    Args:
        commands: Tables -> the command that builds them.
        hint: What a message should add.

    Raises:
        InputError: If some are not; it names them and the commands that build them.
    """
    for path in commands:
        if path.is_dir():
            raise InputError(f"Expected a table at {path}. Received: a folder. Name a file.")
    missing = [path for path in commands if not path.is_file()]
    if missing:
        tables = "a table" if len(missing) == 1 else "tables"
        files = "file" if len(missing) == 1 else "files"
        places = " and ".join(str(path) for path in missing)
        builds = " and ".join(commands[path] for path in missing)
        message = f"Expected {tables} at {places}. Received: no such {files}. Build with: {builds}. {hint}"
        raise InputError(message.strip())


def check_name_of_missing(path: Path) -> None:
    """Check that a latency table, if it is not there, could be written where it is named; see `check_table_path`.

    Raises:
        InputError: If not.
    """
    if path.suffix != _ENDING and not path.exists():
        raise InputError(
            f"Expected a table at {path}. Received: no such file. Name one that is there; tables that are built end in "
            f"{_ENDING}."
        )


def check_table_path(path: Path, space: SearchSpace, device: Device, settings: LatencyTableSettings) -> None:
    """Check, before all is measured, that a table can be written to a path and replaces none of another kind.

    Args:
        path: Where the table would lie.
        space: Search space of the table.
        device: Where it would be measured; it is reached if there is a table already.
        settings: How it would be measured.

    Raises:
        InputError: If it cannot, or does.
    """
    files.check_output(path)
    files.check_replaceable(path, "latency_table")
    _check_id(device)
    if path.suffix != _ENDING:
        raise InputError(f"Expected --output to end in {_ENDING}; the plot gets the suffix .svg. Received: {path}.")
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        table = LatencyTable.load(path)
    except InputError as error:
        raise InputError(
            f"Expected {path}, which would be replaced, to be a whole latency table of this version. "
            f"Received: one that cannot be read ({error.__cause__ or error!r}). "
            "Move it away, or name another file with --output."
        ) from error
    found = {**table.device, "space": table.space.name, "target": table.target, "precision": table.precision}
    facts = dataclasses.replace(device.describe(), num_threads=settings.num_threads)
    now = {**facts.to_dict(), "space": space.name, "target": settings.target, "precision": settings.precision}
    for name in ("space", "target", "precision", *device.facts_that_tell_tables_apart):
        if found.get(name) != now.get(name):
            raise InputError(
                f"Expected the latency table {path} to have been measured with {name}={now.get(name)!r}, as it would "
                f"be replaced. Received: one with {found.get(name)!r}. Name another file with --output."
            )


def _check_id(device: Device) -> None:
    """Check that a device describes itself by its id, by which its table is found later."""
    described = device.known_facts().device
    if described != device.id:
        raise InputError(
            f"Expected the device {device.id} to give this id as its fact `device`. Received: {described!r}. "
            "Mend its known_facts() and describe()."
        )
