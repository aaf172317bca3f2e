"""`BenchmarkTool`: what differs between the two programs that are called `benchmark_model`.

TensorFlow Lite's runs a model in its interpreter, LiteRT's as a compiled model, as newer apps do. They take different
flags for delegates and input sizes, and tell what they found in different ways.
"""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from ofa_tf.base.errors import InputError
from ofa_tf.devices.android.benchmark_model.benchmark_output import BenchmarkOutput
from ofa_tf.devices.android.benchmark_model.delegates import AUTOMATIC_PRECISION, GPU, Delegate
from ofa_tf.devices.device import BenchmarkModel


@dataclasses.dataclass(frozen=True)
class RunnableModel:
    """A model as the program is given it.

    Args:
        path: Its file, on this computer.
        flags: What tells the program in which shape to run it.
    """

    path: Path
    flags: tuple[str, ...] = ()


def read_model(path: Path) -> bytes:
    """The content of a model's file.

    Raises:
        InputError: If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"Expected to read {path}. Received: {error}.") from error


class ModelFiles(abc.ABC):
    """The files of models, made when they are asked for.

    Args:
        folder: Where to write what is in no file yet, on this computer.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._num_files = 0
        self._written: dict[bytes, Path] = {}

    @abc.abstractmethod
    def prepare(self, model: BenchmarkModel) -> RunnableModel:
        """One of the models, ready to be run.

        Raises:
            InputError: If its file cannot be read, or is not a model that takes its `input_shape`.
        """

    def _file_of(self, model: BenchmarkModel) -> Path:
        """The file of a model as it is."""
        if not isinstance(model.content, bytes):
            return Path(model.content)
        if model.content not in self._written:
            self._written[model.content] = model.as_file(self._new_file())
        return self._written[model.content]

    def _new_file(self) -> Path:
        """Where a file can be written."""
        self._num_files += 1
        return self._folder / f"{self._num_files}.tflite"


class BenchmarkTool(abc.ABC):
    """One of the programs.

    Attributes:
        name: What users call it.
        title: What messages call it.
        runtime: What facts about a measurement call it.
        published: ABI, as Android names it, -> address of the program.
        result_files: Name of a flag -> name of the file that it makes the program write.
        profile_flag: What makes it print an operator profile; `None` if there is none that is understood.
        writes_outputs: Whether it can be given inputs, and writes what a model makes of them.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    runtime: ClassVar[str]
    result_files: ClassVar[Mapping[str, str]]
    profile_flag: ClassVar[str | None]
    writes_outputs: ClassVar[bool]

    @property
    @abc.abstractmethod
    def published(self) -> Mapping[str, str]:
        """ABI, as Android names it, -> address from which the program can be downloaded."""

    @abc.abstractmethod
    def cached_name(self, abi: str) -> str:
        """Name of the file of the program for an ABI, in the cache."""

    @abc.abstractmethod
    def model_files(self, models: Sequence[BenchmarkModel], folder: Path) -> ModelFiles:
        """The files of models, as this program runs them.

        Args:
            models: All that will be asked for.
            folder: See `ModelFiles`.
        """

    @abc.abstractmethod
    def read_output(self, text: str, files: Mapping[str, bytes]) -> BenchmarkOutput:
        """What a call found that did not fail.

        Args:
            text: What the program printed.
            files: The contents of the `result_files`, by their names.

        Raises:
            InputError: If that is not understood.
        """

    def delegate(self, name: str, gpu_precision: str = AUTOMATIC_PRECISION) -> Delegate:
        """A delegate.

        Args:
            name: What users call it.
            gpu_precision: How exactly a GPU computes.

        Raises:
            InputError: If this program has no such delegate, or a precision is given for one that is no GPU.
        """
        delegates = self._delegates()
        if name not in delegates:
            raise InputError(
                f"Expected the delegate (--delegate) to be one of {', '.join(delegates)} for {self.title}. "
                f"Received: {name}. Name the other program (--benchmark_binary, --benchmark_tool), or one of those."
            )
        delegate = delegates[name]
        if gpu_precision == AUTOMATIC_PRECISION:
            return delegate
        if name != GPU:
            raise InputError(
                f"Expected a precision of GPUs (--gpu_precision) with --delegate=gpu. Received: {gpu_precision} with "
                f"{name}. Leave it out."
            )
        return dataclasses.replace(delegate, flags=(*delegate.flags, self._precision_flag(gpu_precision)))

    @abc.abstractmethod
    def _delegates(self) -> Mapping[str, Delegate]:
        """Its delegates, by what users call them."""

    @abc.abstractmethod
    def _precision_flag(self, gpu_precision: str) -> str:
        """The flag for a precision other than the automatic one."""
