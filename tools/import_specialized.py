"""Imports a specialized network that the PyTorch implementation publishes, as a plain Keras model.

Example:
    python tools/import_specialized.py --config=net.config --checkpoint=init --image_size=236 --output=MODEL.keras

Then: python tools/to_tflite.py --model=MODEL.keras --output=MODEL.tflite
"""

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

# The package of this clone, wherever the program is started and whatever else is installed.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ofa_tf.base import command_line, files
from ofa_tf.base.errors import InputError
from ofa_tf.base.plugin_flags import define_plugins_flag, load_plugins_from_flags
from ofa_tf.base.shell_commands import shell_command
from ofa_tf.base.tensorflow_setup import configure_tensorflow
from ofa_tf.pretrained.net_config import arch_from_net_config
from ofa_tf.pretrained.state_dict import read_state_dict
from ofa_tf.space.presets import get_search_space

define_plugins_flag()
_CONFIG = flags.DEFINE_string("config", None, "The network's net.config.", required=True)
_CHECKPOINT = flags.DEFINE_string("checkpoint", None, "The network's weights (init), or .npz.", required=True)
_IMAGE_SIZE = flags.DEFINE_integer(
    "image_size",
    None,
    "Input height and width, pixels; that of the run.config beside --config by default.",
    lower_bound=32,
)
_OUTPUT = flags.DEFINE_string("output", None, "File to write, ending in .keras.", required=True)


def main(argv: Sequence[str]) -> None:
    del argv
    load_plugins_from_flags()
    output = Path(_OUTPUT.value)
    if output.suffix != ".keras":
        raise InputError(f"Expected --output to end in .keras. Received: --output={output}.")
    files.check_output(output)
    config = files.read_json(_CONFIG.value, hint="It is published beside the weights.")
    arch = arch_from_net_config(config)
    image_size = _image_size()
    tensors = read_state_dict(_CHECKPOINT.value)
    configure_tensorflow()
    from ofa_tf.networks.saving import save_subnet
    from ofa_tf.pretrained.importers import import_subnet

    subnet = import_subnet(get_search_space(arch.space), arch, image_size, tensors)
    save_subnet(subnet, dataclasses.replace(arch, image_size=image_size), output)
    print(f"{output}: a subnet of {arch.space} at {image_size} px with {subnet.output_shape[-1]} classes")
    model = output.with_suffix(".tflite")
    command = shell_command("tools/to_tflite.py", f"--model={output}", f"--output={model}")
    print(f"Next: {command}")


def _image_size() -> int:
    if _IMAGE_SIZE.value is not None:
        return int(_IMAGE_SIZE.value)
    run_config = Path(_CONFIG.value).with_name("run.config")
    if not run_config.is_file():
        raise InputError(
            f"Expected --image_size, or a run.config beside {_CONFIG.value}. Received: neither. "
            "It is the image size that the network was published with."
        )
    image_size = files.read_json(run_config).get("image_size")
    if not isinstance(image_size, int) or image_size < 1:
        raise InputError(f"Expected {run_config} to have a whole number image_size. Received: {image_size!r}.")
    return image_size


if __name__ == "__main__":
    command_line.run(main)
