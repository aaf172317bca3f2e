"""Commands for what a search found, to be pasted into a shell. Loads no TensorFlow."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from ofa_tf.base import files
from ofa_tf.base.shell_commands import shell_command
from ofa_tf.tflite.graph.input_format import NORMALIZED
from ofa_tf.tflite.lowering.targets import CPU
from ofa_tf.tflite.quantization.model_form import ModelForm
from ofa_tf.tflite.quantization.modes import NOT_QUANTIZED


@dataclasses.dataclass(frozen=True)
class NextCommands:
    """What tools to call next.

    Args:
        workdir: Folder of the run.
        form: Form of the models that were searched for.
        plugins: What `--plugins` was given.
    """

    workdir: str
    form: ModelForm
    plugins: Sequence[str] = ()

    def export(self, output: Path, number: int | None = None) -> str:
        """The command that makes a model of an arch, beside the arch's file and named after it.

        The form is in the name, too: exports in several of them do not overwrite each other, and the model's
        sidecar, `M.json` beside `M.tflite`, does not meet the file of the arch.

        Args:
            output: File of the arch, or of a front.
            number: Of the arch in the front.
        """
        arch, name = str(output), _without_ending(output)
        if number is not None:
            arch += f":{number}"
            name += f"_{number}"
        form = self.form
        model = output.with_name(f"{name}_{files.safe_name(form.name)}.tflite")
        options = [f"--arch={arch}", *target_flags(form), f"--quantization={form.mode.name}"]
        options += input_flags(form)
        return self._command("to_tflite", *options, f"--output={model}")

    def export_elastic(self, output: Path) -> str:
        """The command that makes one file of a family, beside the family's file and named after it.

        Args:
            output: File of the family.
        """
        form = self.form
        model = output.with_name(f"{_without_ending(output)}_{files.safe_name(form.name)}.tflite")
        options = [f"--arch={output}", "--elastic", *target_flags(form), f"--quantization={form.mode.name}"]
        options += input_flags(form)
        return self._command("to_tflite", *options, f"--output={model}")

    def evaluate(self, output: Path) -> str:
        """The command that measures an arch on the images that no search chooses by, as a float32 model.

        Args:
            output: File of the arch.
        """
        options = [f"--arch={output}", "--split=report"]
        options += target_flags(self.form)
        if self.form.mode != NOT_QUANTIZED:
            options.append(f"--precision={self.form.precision.name}")
        options += input_flags(self.form)
        return self._command("evaluate", *options)

    def _command(self, tool: str, *options: str) -> str:
        return shell_command(f"tools/{tool}.py", f"--workdir={self.workdir}", *options, plugins=self.plugins)


def target_flags(form: ModelForm) -> list[str]:
    """The flag that names the target of a form, where it is not the usual one."""
    if form.target == CPU:
        return []
    return [f"--target={form.target.name}"]


def input_flags(form: ModelForm) -> list[str]:
    """The flag that names what models take as an image, where it is not the usual thing."""
    if form.input_type == NORMALIZED:
        return []
    return [f"--input_type={form.input_type}"]


def form_flags(form: ModelForm) -> list[str]:
    """The flags that name the target and the precision of a form."""
    return [*target_flags(form), f"--precision={form.precision.name}"]


def _without_ending(output: Path) -> str:
    """The name of a JSON file without its ending; limits in it have points, too."""
    return output.name.removesuffix(".json")
