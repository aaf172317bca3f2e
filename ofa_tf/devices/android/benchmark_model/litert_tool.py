"""`LiteRTTool`: LiteRT's `benchmark_model`, which compiles models, as apps with its `CompiledModel` do.

It never gives an input another shape, but runs one of several signatures, and says in files what it found: times with
percentiles, memory, and which operator ran where.

Reference: `litert/tools/benchmark_litert_model.h` of LiteRT.
"""

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from ofa_tf.base.errors import InputError
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
            told_names=("gpu", "litert_cl", "opencl"),
            takes_all=True,
            hint="Perhaps the GPU does not take every operator; models exported with --target=gpu have only such.",
        )
        return {XNNPACK: Delegate(XNNPACK, ("--use_cpu=true",)), GPU: gpu}

    def _precision_flag(self, gpu_precision: str) -> str:
        return f"--gpu-precision={gpu_precision}"


class _FilesWithSignatures(ModelFiles):
    def __init__(self, models: Sequence[BenchmarkModel], folder: Path) -> None:
        super().__init__(folder)
        # Content -> signature -> the model whose shape that is.
        self._models: dict[bytes | Path, dict[str, BenchmarkModel]] = {}
        for model in models:
            if model.input_shape is not None:
                self._models.setdefault(model.content, {})[_signature(model.input_shape)] = model
        self._merged: dict[bytes | Path, Path] = {}
        self._errors: dict[tuple[bytes | Path, str], InputError] = {}  # by content and signature

    def prepare(self, model: BenchmarkModel) -> RunnableModel:
        """See `ModelFiles.prepare`."""
        path = self._file_of(model)
        if model.input_shape is None:
            return RunnableModel(path)
        if model.content not in self._merged:
            self._merged[model.content] = self._merge(path, self._models[model.content])
        signature = _signature(model.input_shape)
        if (model.content, signature) in self._errors:
            raise self._errors[model.content, signature]
        return RunnableModel(self._merged[model.content], (f"--signature_to_run_for={signature}",))

    def _merge(self, path: Path, models: Mapping[str, BenchmarkModel]) -> Path:
        """A file with the signatures of models of the same content, but for those that fail, whose errors are kept."""
        from ofa_tf.tflite.litert.fixed_shapes import with_input_shape
        from ofa_tf.tflite.litert.merged_model import merge_models

        content = read_model(path)
        contents = {}
        for signature, model in models.items():
            shape = model.input_shape or ()
            try:
                contents[signature] = with_input_shape(content, shape, model.name)
            except InputError as error:
                self._errors[model.content, signature] = error
        merged = self._new_file()
        if contents:
            merged.write_bytes(merge_models(contents))
        return merged


def _signature(shape: Sequence[int]) -> str:
    """The name of the signature for an input shape."""
    return "x".join(str(size) for size in shape)


def _version() -> str:
    return importlib.metadata.version("ai-edge-litert")
