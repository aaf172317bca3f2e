"""`LiteRTTool`: LiteRT's `benchmark_model`, which compiles models, as apps with its `CompiledModel` do.

It never gives an input another shape, but runs one of several signatures, and says in files what it found: a time in
what it prints has two decimals of a millisecond.

Reference: `litert/tools/benchmark_litert_model.h` of LiteRT.
"""

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from ofa_tf.devices.android.benchmark_model.benchmark_output import BenchmarkOutput
from ofa_tf.devices.android.benchmark_model.benchmark_tool import BenchmarkTool, ModelFiles, RunnableModel, read_model
from ofa_tf.devices.android.benchmark_model.delegates import GPU, XNNPACK, Delegate
from ofa_tf.devices.android.benchmark_model.result_files import read_result_files
from ofa_tf.devices.device import BenchmarkModel

_ADDRESS = "https://storage.googleapis.com/litert/binaries/{version}/{platform}/benchmark_model"
_PLATFORMS = {"arm64-v8a": "android_arm64"}  # by Android's ABI

# The name of its source, which it prints before some lines, and so contains.
_MARK = b"benchmark_litert_model"

_RESULT = "result.pb"
_RUNTIME_INFO = "runtime_info.pb"


class LiteRTTool(BenchmarkTool):
    """LiteRT's program: published for each version."""

    name: ClassVar[str] = "litert"
    title: ClassVar[str] = "LiteRT's benchmark_model"
    runtime: ClassVar[str] = title
    result_files: ClassVar[Mapping[str, str]] = {
        "result_file_path": _RESULT,
        "model_runtime_info_output_file": _RUNTIME_INFO,
    }
    profile_flag: ClassVar[str | None] = None
    writes_outputs: ClassVar[bool] = False

    @staticmethod
    def is_in(content: bytes) -> bool:
        """Whether a file is this program."""
        return _MARK in content

    @property
    def published(self) -> Mapping[str, str]:
        """See `BenchmarkTool.published`; of the version that runs models on this computer."""
        version = _version()
        return {abi: _ADDRESS.format(version=version, platform=platform) for abi, platform in _PLATFORMS.items()}

    def cached_name(self, abi: str) -> str:
        """See `BenchmarkTool.cached_name`."""
        return f"benchmark_model_litert_{_version()}_{abi}"

    def model_files(self, models: Sequence[BenchmarkModel], folder: Path) -> ModelFiles:
        """A file for each model: where it is run in several shapes, with a signature for each of them."""
        return _FilesWithSignatures(models, folder)

    def read_output(self, text: str, files: Mapping[str, bytes]) -> BenchmarkOutput:
        """See `BenchmarkTool.read_output`."""
        del text
        return read_result_files(files[_RESULT], files[_RUNTIME_INFO])

    def _delegates(self) -> Mapping[str, Delegate]:
        gpu = Delegate(
            GPU,
            # Without the second flag the third one ends the program; without the third the CPU takes what is left.
            ("--use_gpu=true", "--use_cpu=false", "--require_full_delegation=true"),
            told_names=("gpu", "litert_cl", "opencl", "webgpu"),
            takes_all=True,
            hint="Perhaps the GPU does not take every operator; models exported with --target=gpu have only such.",
        )
        return {XNNPACK: Delegate(XNNPACK, ("--use_cpu=true",)), GPU: gpu}

    def _precision_flag(self, gpu_precision: str) -> str:
        return f"--gpu-precision={gpu_precision}"


class _FilesWithSignatures(ModelFiles):
    def __init__(self, models: Sequence[BenchmarkModel], folder: Path) -> None:
        super().__init__(models, folder)
        self._merged: dict[bytes | Path, Path] = {}
        self._shapes: dict[bytes | Path, dict[str, tuple[int, ...]]] = {}
        for model in models:
            if model.input_shape is not None:
                shapes = self._shapes.setdefault(model.content, {})
                shapes[_signature(model.input_shape)] = model.input_shape

    def prepare(self, model: BenchmarkModel) -> RunnableModel:
        """See `ModelFiles.prepare`."""
        path = self._file_of(model)
        if model.input_shape is None:
            return RunnableModel(path)
        if model.content not in self._merged:
            self._merged[model.content] = self._merge(path, model)
        return RunnableModel(self._merged[model.content], (f"--signature_to_run_for={_signature(model.input_shape)}",))

    def _merge(self, path: Path, model: BenchmarkModel) -> Path:
        from ofa_tf.tflite.litert.fixed_shapes import with_input_shapes

        merged = self._folder / f"{self._numbers[model.content]}_signatures.tflite"
        merged.write_bytes(with_input_shapes(read_model(path), self._shapes[model.content], str(path)))
        return merged


def _signature(shape: Sequence[int]) -> str:
    """The name of the signature for an input shape."""
    return "x".join(str(size) for size in shape)


def _version() -> str:
    return importlib.metadata.version("ai-edge-litert")
