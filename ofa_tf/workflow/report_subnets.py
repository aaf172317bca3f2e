"""What the report says of the subnets that searches found. Loads neither TensorFlow nor Keras."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ofa_tf.base import files
from ofa_tf.devices.device_facts import CHOSEN_FACTS, DECISIVE_FACTS
from ofa_tf.latency.pieces import OVERHEAD
from ofa_tf.report.page.contents import (
    Accuracy,
    MeasuredLatency,
    ModelReport,
    Note,
    PartTime,
    ReportedSubnet,
    SubnetGroup,
)
from ofa_tf.search.constraint_kinds import CONSTRAINT_KINDS
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace
from ofa_tf.tflite.graph.input_format import NORMALIZED
from ofa_tf.tflite.lowering.targets import CPU
from ofa_tf.tflite.quantization.model_form import ModelForm, form_name
from ofa_tf.workflow.latency_settings import LatencyTableSettings
from ofa_tf.workflow.next_commands import NextCommands
from ofa_tf.workflow.report_files import FAULTS, note_left_out
from ofa_tf.workflow.report_tables import ReadTable, short_path
from ofa_tf.workflow.search import cost_context

_LATENCY = "latency_ms"

# What is computed of every subnet: field of `ReportedSubnet` -> name of the cost.
_COST_OF_FIELD = {"num_macs": "macs", "size_bytes": "size_bytes", "peak_ram_bytes": "peak_ram_bytes"}


@dataclasses.dataclass(frozen=True)
class _Use:
    """What the subnets of a group have in common.

    Args:
        device: Id of the device of their latencies.
        target: Name of the `Target` of their models.
        precision: Name of their `Precision`.
        input_type: What they take as an image, see `InputFormat`.
        cost_name: What a budget limits.
    """

    device: str
    target: str
    precision: str
    input_type: str
    cost_name: str

    @classmethod
    def of(cls, notes: Mapping[str, Any], costs: Mapping[str, float]) -> "_Use":
        """The use that a search was for, by what it wrote, with costs of an arch."""
        return cls(
            device=str(notes.get("device") or ""),
            target=str(notes.get("target", CPU.name)),
            precision=str(notes["precision"]),
            input_type=str(notes.get("input_type", NORMALIZED)),
            cost_name=_main_cost(costs),
        )

    @property
    def form(self) -> ModelForm:
        """The form of the models.

        Raises:
            InputError: If it is not known here, as that of a plugin that was not loaded.
        """
        return ModelForm.of_names(self.precision, self.target, self.input_type)


@dataclasses.dataclass(frozen=True)
class SubnetReader:
    """Reads what searches wrote, and adds what the run's tables and space tell of it.

    Args:
        space: Search space of the run.
        workdir: Folder of the run.
        plugins: What `--plugins` was given.
        num_classes: Number of classes; `None`: not known, and sizes are those in the files.
        tables: Latency tables.
        models: Shipped models: latencies that were measured of them are those of their subnets.
    """

    space: SearchSpace
    workdir: Path
    plugins: Sequence[str]
    num_classes: int | None
    tables: Sequence[ReadTable]
    models: Sequence[ModelReport] = ()

    def read_fronts(self, paths: Sequence[Path]) -> list[SubnetGroup | Note]:
        """The fronts in some files, and notes of those that cannot be shown."""
        groups: list[SubnetGroup | Note] = []
        for path in paths:
            try:
                groups.append(self._read_front(path))
            except FAULTS as fault:
                groups.append(note_left_out(path, fault))
        return groups

    def read_found(self, paths: Sequence[Path]) -> list[SubnetGroup | Note]:
        """What was found within limits, in some files of archs: a group for each device, precision and kind of cost."""
        groups: list[SubnetGroup | Note] = []
        found: dict[_Use, list[ReportedSubnet]] = {}
        accuracy_precisions: dict[_Use, str | None] = {}
        for path in paths:
            try:
                document = files.read_json(path, "arch")
                notes = document.get("notes") or {}
                if not notes.get("costs"):
                    continue  # Nobody searched it: it may have been written by hand.
                use = _Use.of(notes, notes["costs"])
                subnet = self._read_subnet({**notes, "arch": document}, use, path)
                accuracy_precisions.setdefault(use, notes.get("accuracy_precision"))
            except FAULTS as fault:
                groups.append(note_left_out(path, fault))
                continue
            found.setdefault(use, []).append(subnet)
        for use, subnets in found.items():
            group = self._make_group("found within limits", use, subnets)
            groups.append(dataclasses.replace(group, accuracy_precision=accuracy_precisions[use]))
        return groups

    def _read_front(self, path: Path) -> SubnetGroup:
        document = files.read_json(path, "front")
        entries = document["entries"]
        use = _Use.of(document, entries[0]["costs"])
        subnets = []
        for number, entry in enumerate(entries):
            subnets.append(self._read_subnet(entry, use, path, number))
        other_costs = []
        other_top1 = []
        for entry in document.get("other_measurements", []):
            other_costs.append(float(entry["costs"][use.cost_name]))
            other_top1.append(float(entry["measured_search_top1"]))
        title = short_path(path, self.workdir)
        family = document.get("family")
        if family is not None:
            title += f", a family in one file of {family['file_bytes']:,} bytes"
        group = self._make_group(title, use, subnets)
        return dataclasses.replace(
            group,
            is_front=True,
            other_costs=other_costs,
            other_top1=other_top1,
            accuracy_precision=document.get("accuracy_precision"),
        )

    def _make_group(self, title: str, use: _Use, subnets: Sequence[ReportedSubnet]) -> SubnetGroup:
        latency_error = None
        latency_doubt = None
        num_held_out = 0
        table = self._table_for(use)
        if table is not None:
            latency_error = table.error
            latency_doubt = table.model.table.doubt
            num_held_out = len(table.held_out.get("archs", ()))
        return SubnetGroup(
            title=title,
            is_front=False,
            device=use.device,
            target=use.target,
            precision=use.precision,
            cost_name=use.cost_name,
            subnets=sorted(self._with_sizes(subnets, use), key=lambda subnet: subnet.cost),
            latency_error=latency_error,
            latency_doubt=latency_doubt,
            num_held_out=num_held_out,
        )

    def _read_subnet(
        self, entry: Mapping[str, Any], use: _Use, path: Path, number: int | None = None
    ) -> ReportedSubnet:
        """A subnet of a file.

        Args:
            entry: What the file says of it.
            use: What its search was for.
            path: The file.
            number: Its number in the front; `None`: the file is of it alone.
        """
        arch = Arch.from_dict(entry["arch"])
        self.space.validate(arch)
        name = short_path(path, self.workdir)
        if number is not None:
            name += f":{number}"
        commands = NextCommands(str(self.workdir), use.form, self.plugins)
        predicted_ms = entry.get("predicted_latency_ms", entry["costs"].get(_LATENCY))
        measured = _read_measured(entry) or self._find_measured(arch, use)
        subnet = ReportedSubnet(
            name=name,
            arch=arch,
            cost=float(entry["costs"][use.cost_name]),
            export_command=commands.export(path, number),
            predicted=_accuracy(entry, "predicted_top1", "predicted_standard_deviation"),
            searched=_accuracy(entry, "measured_search_top1", "measured_search_standard_error", "num_search_images"),
            estimated=_accuracy(entry, "estimated_top1", "estimated_standard_deviation"),
            reported=_accuracy(entry, "reported_top1", "reported_standard_error", "num_report_images"),
            predicted_ms=predicted_ms,
            measured_ms=measured.latency_ms if measured is not None else None,
            measured_doubt=measured.doubt if measured is not None else None,
            num_macs=entry.get("num_macs"),
            size_bytes=entry.get("size_bytes"),
            peak_ram_bytes=entry["costs"].get("peak_ram_bytes"),
        )
        return self._with_latencies(subnet, use)

    def _find_measured(self, arch: Arch, use: _Use) -> MeasuredLatency | None:
        """The latency that was measured of a shipped model of an arch; `None`: there is none.

        It stands beside predictions, so it must have been measured as the pieces of the latency table were.
        """
        form = use.form
        expected = self._expected_facts(use)
        for model in self.models:
            found = (model.arch, model.target, model.quantization, model.input_type)
            if found != (arch, form.target.name, form.mode.name, form.input_type):
                continue
            for measured in model.latencies:
                if _agree(measured.facts, expected):
                    return measured
        return None

    def _expected_facts(self, use: _Use) -> Mapping[str, Any]:
        """On what and how the latencies of a group were measured, as far as it is known."""
        table = self._table_for(use)
        if table is None:
            return {"device": use.device, "num_threads": LatencyTableSettings().num_threads}
        return table.model.table.device

    def _with_sizes(self, subnets: Sequence[ReportedSubnet], use: _Use) -> list[ReportedSubnet]:
        """Subnets with MACs, sizes and memory, where the number of classes is known."""
        if self.num_classes is None:
            return list(subnets)
        context = cost_context(self.space, self.num_classes, use.form, None)
        genes = self.space.encode([subnet.arch for subnet in subnets])
        columns: dict[str, list[int]] = {}
        for field, name in _COST_OF_FIELD.items():
            kind = CONSTRAINT_KINDS[name]
            measure = (kind.make_exact_measure or kind.make_measure)(context)
            if measure is not None:
                columns[field] = np.asarray(measure(genes)).tolist()
        completed = []
        for row, subnet in enumerate(subnets):
            values: dict[str, Any] = {field: column[row] for field, column in columns.items()}
            completed.append(dataclasses.replace(subnet, **values))
        return completed

    def _with_latencies(self, subnet: ReportedSubnet, use: _Use) -> ReportedSubnet:
        """The subnet with what latency tables tell of it."""
        elsewhere_ms = {}
        part_times: list[PartTime] = []
        predicted_ms = subnet.predicted_ms
        own_table = self._table_for(use)
        for table in self.tables:
            if not table.model.table.covers(subnet.arch.image_size):
                continue
            if not _is_for(table, use):
                elsewhere_ms[table.name] = table.model.predict(subnet.arch)
            if table is own_table:
                part_times = _part_times(table, subnet.arch)
                if predicted_ms is None:
                    predicted_ms = table.model.predict(subnet.arch)
        return dataclasses.replace(
            subnet, predicted_ms=predicted_ms, elsewhere_ms=elsewhere_ms, part_times=tuple(part_times)
        )

    def _table_for(self, use: _Use) -> ReadTable | None:
        """The latency table of a group, the first of several; `None`: there is none."""
        for table in self.tables:
            if _is_for(table, use):
                return table
        return None


def _is_for(table: ReadTable, use: _Use) -> bool:
    return (table.device, table.model.table.form_name) == (use.device, form_name(use.precision, use.target))


def _agree(facts: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    """Whether a measurement was made on what and as it is expected, as far as both say it.

    Args:
        facts: On what and how it was made; it must say the device.
        expected: The same, as it should be.
    """
    if facts.get("device") != expected["device"]:
        return False
    for name in (*DECISIVE_FACTS, *CHOSEN_FACTS):
        if name in facts and name in expected and facts[name] != expected[name]:
            return False
    return True


def _part_times(table: ReadTable, arch: Arch) -> list[PartTime]:
    pieces = {name: part.latency_key for name, part in table.model.space.plain_parts(arch).items()}
    times = []
    for name, latency_ms in table.model.latency_by_part(arch).items():
        if name == OVERHEAD:
            times.append(PartTime("a network that does nothing", "", latency_ms))
        else:
            times.append(PartTime(name, pieces[name], latency_ms))
    return times


def _accuracy(entry: Mapping[str, Any], top1: str, error: str, num_images: str = "") -> Accuracy | None:
    """An accuracy of a file, where the file has it and its error."""
    if entry.get(top1) is None or entry.get(error) is None:
        return None
    # Files of earlier versions may have predictions above 1.
    value = min(float(entry[top1]), 1.0)
    return Accuracy(value, float(entry[error]), entry.get(num_images))


def _read_measured(entry: Mapping[str, Any]) -> MeasuredLatency | None:
    """The latency that the search itself measured; `None`: it did not."""
    latency_ms = entry.get("measured_latency_ms")
    if not latency_ms:
        return None
    return MeasuredLatency(float(latency_ms), doubt=entry.get("measured_latency_doubt"))


def _main_cost(costs: Mapping[str, float]) -> str:
    """What a budget limits: the latency, if that is among the costs."""
    if _LATENCY in costs:
        return _LATENCY
    return next(iter(costs))
