"""Runs every command that README.md and docs/*.md show, once and in order, in a scratch copy of the repository.

    python -m tests.support.run_documents                            # all; make docs-commands
    python -m tests.support.run_documents --only=docs/searching.md   # those of some documents, separated by commas
    python -m tests.support.run_documents --list                     # what would be run; runs nothing

What is run in place of a command stands in `RULES` of `document_commands.py`: least epochs, small tables, or the
reason why it is not run. Before each document, the runs that readers of it have by then are put there:
`runs/quickstart` and `runs/mine`, of one short quickstart on generated photos, with an arch and a model. Ends with
status 1 if a command fails or has no rule.
"""

import argparse
import dataclasses
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.document_commands import Command, Plan, collect, documents_in_order, plan
from tests.support.documents import Document
from tests.support.repository import ROOT

_MAX_SECONDS = 900  # of one command
_PHOTOS_A_CLASS = 80
_SHOWN_LINES = 12  # of what a command that failed wrote
_SHOWN_WIDTH = 110

# What a training leaves in its folder; archs, models and latency tables serve the next one as well.
_LEFT_BY_TRAINING = (
    "accuracy_table.jsonl",
    "checkpoints",
    "logs",
    "search_measurements",
    "summary.json",
    "supernet.keras",
    "train_config.json",
)

# Makes the runs that readers have.
_QUICKSTART = "python tools/quickstart.py --flagfile=flags/quickstart.cfg"
_PREPARATION = Command("preparation", 0, f"{_QUICKSTART} --dataset=folder:PHOTOS --workdir=runs/quickstart")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a command.

    Args:
        command: The command.
        status: `ok`, `skipped`, `FAILED` or `NO RULE`.
        seconds: How long it took.
        detail: Why it was not run, or the end of what it wrote before it failed.
    """

    command: Command
    status: str
    seconds: float = 0.0
    detail: str = ""

    @property
    def is_fault(self) -> bool:
        return self.status in ("FAILED", "NO RULE")

    def line(self) -> str:
        """Its line of the table."""
        shown = " ".join(self.command.text.split())
        if self.command.is_python:
            shown = f"Python: {shown}"
        if len(shown) > _SHOWN_WIDTH:
            shown = f"{shown[: _SHOWN_WIDTH - 3]}..."
        seconds = f"{self.seconds:6.1f}" if self.seconds else f"{'-':>6}"
        reason = f"  ({self.detail})" if self.status == "skipped" else ""
        return f"{self.status:<8}{seconds}  {self.command.place:<32}{shown}{reason}"


class Scratch:
    """A copy of the repository in which commands are run.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self._clone = folder / "clone"
        self._prepared = folder / "prepared"
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in listed.stdout.split("\0"):
            source = ROOT / name
            if name and source.is_file() and not source.is_symlink():
                target = self._clone / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    def prepare(self) -> Outcome:
        """Make what readers have when they begin to read a document."""
        self._write_photos()
        outcome = self.run(_PREPARATION)
        if outcome.is_fault:
            return outcome
        shutil.move(self._clone / "runs" / "quickstart", self._prepared / "runs" / "quickstart")
        quickstart = self._prepared / "runs" / "quickstart"
        mine = self._prepared / "runs" / "mine"
        shutil.copytree(quickstart, mine)
        arch = next((quickstart / "archs").glob("*.json"))
        model = next((quickstart / "models").glob("*int8.tflite"))
        for folder in (self._prepared, mine):
            shutil.copy(arch, folder / "arch.json")
            shutil.copy(model, folder / "model.tflite")
            shutil.copy(model.with_suffix(".json"), folder / "model.json")
        return outcome

    def add_files(self, commands: list[Command]) -> None:
        """Write the files that documents show, which commands of other documents may name."""
        for command in commands:
            planned = plan(command)
            if planned is not None and planned.save_as:
                (self._prepared / planned.save_as).write_text(planned.text, encoding="utf-8")

    def reset(self) -> None:
        """Put the prepared runs back, as they were."""
        shutil.rmtree(self._clone / "runs", ignore_errors=True)
        shutil.copytree(self._prepared, self._clone, dirs_exist_ok=True)

    def run(self, command: Command) -> Outcome:
        """Run a command, or say why not."""
        planned = plan(command)
        if planned is None:
            return Outcome(command, "NO RULE", detail="give it one in tests/support/document_commands.py")
        if planned.skip:
            return Outcome(command, "skipped", detail=planned.skip)
        if planned.is_new_run:
            self._forget_training(planned)
        start = time.monotonic()
        arguments = ["bash", "-e", "-c", planned.text]
        if command.is_python:
            arguments = [sys.executable, "-c", planned.text]
        try:
            result = subprocess.run(
                arguments,
                cwd=self._clone,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_MAX_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return Outcome(command, "FAILED", time.monotonic() - start, f"not done after {_MAX_SECONDS} s")
        seconds = time.monotonic() - start
        if result.returncode == 0:
            return Outcome(command, "ok", seconds)
        last_lines = "\n".join(result.stdout.splitlines()[-_SHOWN_LINES:])
        detail = f"status {result.returncode} of: {planned.text}\n{last_lines}"
        return Outcome(command, "FAILED", seconds, detail)

    def _forget_training(self, planned: Plan) -> None:
        for word in planned.text.split():
            if word.startswith("--workdir="):
                workdir = self._clone / word.removeprefix("--workdir=")
                for name in _LEFT_BY_TRAINING:
                    _remove(workdir / name)

    def _environment(self) -> dict[str, str]:
        """As in a shell in which the virtual environment is active."""
        programs = str(Path(sys.executable).parent)
        path = os.pathsep.join([programs, os.environ["PATH"]])
        return {**os.environ, "PATH": path, "PYTHONPATH": str(self._clone)}

    def _write_photos(self) -> None:
        """Write photos of two classes: smooth noise, one class reddish, the other bluish."""
        draw = np.random.default_rng(0)
        for name, channel in (("ant", 0), ("bee", 2)):
            folder = self._clone / "PHOTOS" / name
            folder.mkdir(parents=True)
            for number in range(_PHOTOS_A_CLASS):
                coarse = draw.integers(0, 160, (3, 4, 3), dtype=np.uint8)
                coarse[..., channel] += 90
                photo = Image.fromarray(coarse).resize((48, 40), Image.Resampling.BILINEAR)
                photo.save(folder / f"{number:03d}.png")


def run_all(documents: list[Path], folder: Path) -> Iterator[Outcome]:
    """Run the commands of documents.

    Args:
        documents: The documents.
        folder: An empty folder for the scratch copy.
    """
    scratch = Scratch(folder)
    prepared = scratch.prepare()
    yield prepared
    if prepared.is_fault:
        return
    for document in documents_in_order():
        scratch.add_files(collect(Document.read(document)))
    for document in documents:
        scratch.reset()
        for command in collect(Document.read(document)):
            yield scratch.run(command)


def _list(documents: list[Path]) -> Iterator[Outcome]:
    for document in documents:
        for command in collect(Document.read(document)):
            planned = plan(command)
            if planned is None:
                yield Outcome(command, "NO RULE")
            elif planned.skip:
                yield Outcome(command, "skipped", detail=planned.skip)
            else:
                yield Outcome(dataclasses.replace(command, text=planned.text), "run")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help="Documents, from the root of the repository, separated by commas.")
    parser.add_argument("--list", action="store_true", help="Say what would be run, and run nothing.")
    arguments = parser.parse_args()
    documents = documents_in_order()
    if arguments.only:
        documents = [ROOT / name for name in arguments.only.split(",")]

    outcomes = []
    with tempfile.TemporaryDirectory(prefix="documents_") as folder:
        found = _list(documents) if arguments.list else run_all(documents, Path(folder))
        for outcome in found:
            print(outcome.line(), flush=True)
            outcomes.append(outcome)

    faults = [outcome for outcome in outcomes if outcome.is_fault]
    for fault in faults:
        print(f"\n{fault.command.place}: {fault.status}\n{fault.detail}")
    counts = dict.fromkeys(("ok", "run", "skipped", "FAILED", "NO RULE"), 0)
    for outcome in outcomes:
        counts[outcome.status] += 1
    told = ", ".join(f"{count} {status}" for status, count in counts.items() if count)
    print(f"\n{told}, in {sum(outcome.seconds for outcome in outcomes):.0f} s")
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
