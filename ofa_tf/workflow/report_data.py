"""What the report of a run shows, gathered from the files in its workdir. Loads neither TensorFlow nor Keras.

Nothing is measured. What a run does not have yet is a note that says how to make it, and so is a file that is damaged
or of something else: a report of half a run is a report.
"""

import dataclasses
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from ofa_tf.report.page.contents import (
    AccuracyReport,
    DeviceReport,
    ModelReport,
    Note,
    PhaseReport,
    ReportData,
    RunFacts,
    Section,
    SubnetGroup,
)
from ofa_tf.report.page.plotly_library import read_plotly
from ofa_tf.report.page.whole_page import is_page, make_page
from ofa_tf.search.accuracy_table import AccuracyTable
from ofa_tf.tflite.lowering.targets import CPU
from ofa_tf.tflite.quantization.model_form import FLOAT32_ON_CPU
from ofa_tf.workflow.measured_run import MeasuredRun
from ofa_tf.workflow.report_files import find_documents, newest_first, note_damaged, of_kind
from ofa_tf.workflow.report_subnets import SubnetReader
from ofa_tf.workflow.report_tables import ReadTable, describe_accuracies, describe_device, read_latency_tables
from ofa_tf.workflow.report_training import ELASTIC_MODEL, TFLITE_MODEL, describe_models, describe_phases

_Found = TypeVar("_Found")


@dataclasses.dataclass(frozen=True)
class ReportSettings:
    """What the report is made of, beside the run.

    Args:
        fronts: Files of fronts; by default, and if there are none, all in the workdir, the newest first.
        predictor: Name of the accuracy predictor that is judged; by default that with the smallest error.
        plugins: What `--plugins` was given, for the commands in the report.
    """

    fronts: Sequence[Path] = ()
    predictor: str | None = None
    plugins: Sequence[str] = ()


def save_report(run: MeasuredRun, output: str | Path, settings: ReportSettings | None = None) -> ReportData:
    """Write the report of a run: one HTML file that needs nothing else.

    Args:
        run: The run.
        output: The file.
        settings: What it is made of.

    Returns:
        What it shows.

    Raises:
        InputError: If there is no run, a front that was named is not there, the plotting library is not installed, or
            the file would replace one that is no report.
    """
    check_page_replaceable(output)
    plotly = read_plotly()
    data = gather(run, settings)
    files.write_bytes(output, make_page(data, plotly).encode())
    return data


def check_page_replaceable(output: str | Path) -> None:
    """Check that a report does not replace a file that is none.

    Raises:
        InputError: If there is one, not empty.
    """
    path = Path(output)
    if not path.is_file():
        return
    content = path.read_bytes()
    if content and not is_page(content):
        raise InputError(
            f"Expected {path} to be free, or an older report. Received: another file; it is not replaced. "
            "Choose another name, or move that file away."
        )


def gather(run: MeasuredRun, settings: ReportSettings | None = None) -> ReportData:
    """Gather what the report of a run shows.

    Args:
        run: The run.
        settings: What it is made of.

    Raises:
        InputError: If there is no run, or a front that was named is not there.
    """
    settings = settings or ReportSettings()
    run.check()
    return _Gathering(run, settings).gather()


class _Gathering:
    """Gathers the sections one after the other, with a note of whatever is missing."""

    def __init__(self, run: MeasuredRun, settings: ReportSettings) -> None:
        self._run = run
        self._settings = settings
        self._documents = find_documents(run.path)
        self._num_classes: int | None = None
        self._num_subnets = run.space.count(include_image_sizes=True)
        self._notes: dict[Section, list[Note]] = {section: [] for section in Section}

    def gather(self) -> ReportData:
        """All that the report shows."""
        phases = self._read_phases()
        self._num_classes = self._read_num_classes()
        table = self._read_accuracy_table()
        tables = self._read_latency_tables()
        models = self._read_models()
        groups = self._read_subnets(tables, models)
        accuracy = self._judge_predictor(table)
        self._notes[Section.SUBNETS] += note_damaged(self._documents)

        num_measured = 0
        if table is not None:
            num_measured = len(table)
        return ReportData(
            run=self._describe_run(phases, num_measured),
            groups=groups,
            devices=self._describe_devices(tables),
            accuracy=accuracy,
            phases=phases,
            models=models,
            notes=self._notes,
        )

    def _describe_run(self, phases: Sequence[PhaseReport], num_measured: int) -> RunFacts:
        config = self._run.config
        space = self._run.space
        num_phases = 0
        if config.phases:
            num_phases = len(config.run_phases)
        return RunFacts(
            workdir=str(self._run.path),
            space=space.name,
            num_subnets=self._num_subnets,
            image_sizes=space.image_sizes,
            dataset=config.dataset,
            num_classes=self._num_classes,
            method=config.method,
            num_finished_phases=sum(phase.is_finished for phase in phases),
            num_phases=num_phases,
            num_measured=num_measured,
            logs_command=self._logs_command(),
        )

    def _logs_command(self) -> str:
        """What shows the logs of the training; empty where there are none."""
        logs = self._run.path / "logs"
        if not logs.is_dir():
            return ""
        return shlex.join(["python", "-m", "tensorboard.main", f"--logdir={logs}"])

    def _read_phases(self) -> list[PhaseReport]:
        found = describe_phases(self._run.config, self._run.path)
        phases = self._keep(found, Section.TRAINING, PhaseReport)
        unfinished = [phase.name for phase in self._run.config.run_phases]
        for phase in phases:
            if phase.is_finished:
                unfinished.remove(phase.name)
        # Imported weights were trained elsewhere: their run has no phases.
        if unfinished and self._run.config.phases:
            self._note(
                Section.TRAINING,
                f"The training is not finished; phases that are left: {', '.join(unfinished)}.",
                "train_main.py --phase=all --resume",
            )
        return phases

    def _read_num_classes(self) -> int | None:
        """Number of classes; `None` while there is no supernet."""
        try:
            return self._run.num_classes
        except InputError as error:
            self._notes[Section.TRAINING].append(Note(str(error)))
            return None

    def _read_accuracy_table(self) -> AccuracyTable | None:
        paths = (self._run.accuracy_table_path, self._run.earlier_accuracy_table_path)
        if self._num_subnets == 1:
            self._notes[Section.PREDICTIONS].append(Note("There is one subnet: there are no others to predict."))
            return None
        if not any(path.exists() for path in paths):
            self._note(
                Section.PREDICTIONS,
                "There is no accuracy table yet: no subnet was measured.",
                "tools/build_accuracy_table.py",
            )
            return None
        try:
            return self._run.accuracy_table()
        except InputError as error:
            self._notes[Section.PREDICTIONS].append(Note(str(error)))
            return None

    def _judge_predictor(self, table: AccuracyTable | None) -> AccuracyReport | None:
        if table is None:
            return None
        judged = describe_accuracies(table, self._settings.predictor)
        if isinstance(judged, Note):
            self._notes[Section.PREDICTIONS].append(judged)
            return None
        return judged

    def _read_latency_tables(self) -> list[ReadTable]:
        paths = of_kind(self._documents, "latency_table")
        found = read_latency_tables(self._run, paths, self._num_classes)
        tables = self._keep(found, Section.DEVICES, ReadTable)
        if not tables:
            self._note(
                Section.DEVICES,
                "There is no latency table yet: nothing is known of how long subnets take.",
                "tools/build_latency_table.py --device=host",
            )
        return tables

    def _describe_devices(self, tables: Sequence[ReadTable]) -> list[DeviceReport]:
        return [describe_device(table, self._run.path) for table in tables]

    def _read_subnets(self, tables: Sequence[ReadTable], models: Sequence[ModelReport]) -> list[SubnetGroup]:
        reader = SubnetReader(
            space=self._run.space,
            workdir=self._run.path,
            plugins=self._settings.plugins,
            num_classes=self._num_classes,
            tables=tables,
            models=models,
        )
        fronts = self._keep(reader.read_fronts(self._front_paths()), Section.SUBNETS, SubnetGroup)
        if not fronts and self._num_subnets > 1:
            self._note(
                Section.SUBNETS,
                "There is no front yet: it shows the most accurate subnet for every budget.",
                "tools/search.py --front",
                *_form_flags(tables),
                f"--output={self._run.path / 'front.json'}",
            )
        archs = of_kind(self._documents, "arch")
        return fronts + self._keep(reader.read_found(archs), Section.SUBNETS, SubnetGroup)

    def _front_paths(self) -> list[Path]:
        """The fronts that were named, or all in the workdir, the newest first."""
        for path in self._settings.fronts:
            if not path.is_file():
                raise InputError(
                    f"Expected --front to name JSON files of fronts. Received: {path}, which is no file. "
                    "Make one with tools/search.py --front."
                )
        if self._settings.fronts:
            return list(self._settings.fronts)
        return newest_first(of_kind(self._documents, "front"))

    def _read_models(self) -> list[ModelReport]:
        sidecars = [document.path for document in self._documents if document.kind in (TFLITE_MODEL, ELASTIC_MODEL)]
        benchmarks = of_kind(self._documents, "benchmark")
        found = describe_models(sidecars, benchmarks, self._run.path)
        models = self._keep(found, Section.MODELS, ModelReport)
        if not models:
            self._note(
                Section.MODELS,
                "No subnet was exported yet.",
                "tools/to_tflite.py --arch=max",
                f"--output={self._run.path / 'largest.tflite'}",
            )
        return models

    def _keep(self, found: Iterable[_Found | Note], section: Section, kind: type[_Found]) -> list[_Found]:
        """What was found; notes that are among it go to the section's."""
        kept = []
        for item in found:
            if isinstance(item, kind):
                kept.append(item)
            elif isinstance(item, Note):
                self._notes[section].append(item)
        return kept

    def _note(self, section: Section, text: str, program: str, *options: str) -> None:
        """Note what is missing, with the command that makes it."""
        words = ["python", *program.split()]
        if self._settings.plugins:
            words.append(f"--plugins={','.join(self._settings.plugins)}")
        words += [f"--workdir={self._run.path}", *options]
        self._notes[section].append(Note(text, shlex.join(words)))


def _form_flags(tables: Sequence[ReadTable]) -> list[str]:
    """What a search needs to be told to go by one of the latency tables that are there."""
    names = [table.model.table.form_name for table in tables]
    if not names or FLOAT32_ON_CPU.name in names:
        return []
    first = tables[0].model.table
    flags = [f"--precision={first.precision}"]
    if first.target != CPU.name:
        flags.insert(0, f"--target={first.target}")
    return flags
