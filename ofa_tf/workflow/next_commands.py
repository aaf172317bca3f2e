"""Commands for what a search found, to be pasted into a shell. Loads no TensorFlow."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ofa_tf.base.shell_commands import shell_command
from ofa_tf.tflite.quantization.modes import NOT_QUANTIZED
from ofa_tf.tflite.quantization.precisions import get_precision


@dataclasses.dataclass(frozen=True)
class NextCommands:
    """What tools to call next.

    Args:
        workdir: Folder of the run.
        precision: Name of the `Precision` that was searched for.
        plugins: What `--plugins` was given.
    """

    workdir: str
    precision: str
    plugins: Sequence[str] = ()

    def export(self, output: Path, number: int | None = None) -> str:
        """The command that makes a model of an arch, beside the arch's file and named after it.

        The precision is in the name, too: exports in several of them do not overwrite each other, and the model's
        sidecar, `M.json` beside `M.tflite`, does not meet the file of the arch.

        Args:
            output: File of the arch, or of a front.
            number: Of the arch in the front.
        """
        arch, name = str(output), _without_ending(output)
        if number is not None:
            arch += f":{number}"
            name += f"_{number}"
        model = output.with_name(f"{name}_{self.precision}.tflite")
        mode = get_precision(self.precision).mode
        return self._command("to_tflite", f"--arch={arch}", f"--quantization={mode.name}", f"--output={model}")

    def evaluate(self, output: Path) -> str:
        """The command that measures an arch on the images that no search chooses by, as a float32 model.

        Args:
            output: File of the arch.
        """
        options = [f"--arch={output}", "--split=report"]
        if get_precision(self.precision).mode != NOT_QUANTIZED:
            options.append(f"--precision={self.precision}")
        return self._command("evaluate", *options)

    def _command(self, tool: str, *options: str) -> str:
        return shell_command(f"tools/{tool}.py", f"--workdir={self.workdir}", *options, plugins=self.plugins)


def _without_ending(output: Path) -> str:
    """The name of a JSON file without its ending; limits in it have points, too."""
    return output.name.removesuffix(".json")
