"""`TFLiteTool`: TensorFlow Lite's `benchmark_model`, which runs models in the interpreter."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from ofa_tf.devices.android.benchmark_model.benchmark_output import BenchmarkOutput
from ofa_tf.devices.android.benchmark_model.benchmark_tool import BenchmarkTool, ModelFiles, RunnableModel, read_model
from ofa_tf.devices.android.benchmark_model.delegates import GPU, NNAPI, NO_DELEGATE, XNNPACK, Delegate
from ofa_tf.devices.android.benchmark_model.printed_output import parse_benchmark_output
from ofa_tf.devices.device import BenchmarkModel

_ADDRESS = (
    "https://storage.googleapis.com/tensorflow-nightly-public/prod/tensorflow/release/lite/tools/nightly/latest/"
    "{platform}_benchmark_model"
)
_PLATFORMS = {"arm64-v8a": "android_aarch64", "armeabi-v7a": "android_arm"}  # by Android's ABI


class TFLiteTool(BenchmarkTool):
    """TensorFlow Lite's program: published for each night, only the last of which can be had."""

    name: ClassVar[str] = "tflite"
    title: ClassVar[str] = "TensorFlow Lite's benchmark_model"
    runtime: ClassVar[str] = "benchmark_model"
    result_files: ClassVar[Mapping[str, str]] = {}
    profile_flag: ClassVar[str | None] = "--enable_op_profiling=true"
    writes_outputs: ClassVar[bool] = True

    @property
    def published(self) -> Mapping[str, str]:
        """See `BenchmarkTool.published`."""
        return {abi: _ADDRESS.format(platform=platform) for abi, platform in _PLATFORMS.items()}

    def cached_name(self, abi: str) -> str:
        """See `BenchmarkTool.cached_name`."""
        return f"benchmark_model_{abi}"

    def model_files(self, models: Sequence[BenchmarkModel], folder: Path) -> ModelFiles:
        """The files as they are: the program gives an input another shape itself."""
        del models
        return _FilesAsTheyAre(folder)

    def read_output(self, text: str, files: Mapping[str, bytes]) -> BenchmarkOutput:
        """See `BenchmarkTool.read_output`."""
        del files
        return parse_benchmark_output(text)

    def _delegates(self) -> Mapping[str, Delegate]:
        return {
            XNNPACK: Delegate(XNNPACK, ("--use_xnnpack=true",)),
            GPU: Delegate(GPU, ("--use_gpu=true",), told_names=("gpu", "litert_cl", "opencl")),
            NNAPI: Delegate(NNAPI, ("--use_nnapi=true",), told_names=("nnapi",)),
            NO_DELEGATE: Delegate(NO_DELEGATE, ("--use_xnnpack=false",)),
        }

    def _precision_flag(self, gpu_precision: str) -> str:
        is_half = gpu_precision == "fp16"
        return f"--gpu_precision_loss_allowed={str(is_half).lower()}"


class _FilesAsTheyAre(ModelFiles):
    def prepare(self, model: BenchmarkModel) -> RunnableModel:
        """See `ModelFiles.prepare`."""
        path = self._file_of(model)
        if model.input_shape is None:
            return RunnableModel(path)
        from ofa_tf.tflite.litert.interpreter import create_undelegated_interpreter

        # Without memory for its tensors: a model that is to be resized need not run in the shape that it has.
        interpreter = create_undelegated_interpreter(read_model(path), str(path))
        name = interpreter.get_input_details()[0]["name"]
        sizes = ",".join(str(size) for size in model.input_shape)
        return RunnableModel(path, (f"--input_layer={name}", f"--input_layer_shape={sizes}"))
