import shlex
from pathlib import Path

from ofa_tf.tflite.quantization.model_form import ModelForm
from ofa_tf.tflite.shipping.sidecar import sidecar_path
from ofa_tf.workflow.next_commands import NextCommands

_COMMANDS = NextCommands("runs/mine", ModelForm.of_names("int8"))


def _flag(command: str, name: str) -> str:
    """The value of a flag, as a program would see it."""
    start = f"--{name}="
    (word,) = [word for word in shlex.split(command) if word.startswith(start)]
    return word.removeprefix(start)


def test_an_export_goes_beside_the_arch_under_its_name() -> None:
    assert _COMMANDS.export(Path("found/host_latency_ms_0.1.json")) == (
        "python tools/to_tflite.py --workdir=runs/mine --arch=found/host_latency_ms_0.1.json --quantization=int8 "
        "--output=found/host_latency_ms_0.1_int8.tflite"
    )
    float_command = NextCommands("runs/mine", ModelForm.of_names("float32")).export(Path("arch.json"))
    assert float_command.endswith(" --arch=arch.json --quantization=none --output=arch_float32.tflite")


def test_no_export_replaces_the_file_of_the_arch_or_another_export() -> None:
    outputs = [Path("a_0.1.json"), Path("a_0.2.json"), Path("a_0.1"), Path("a_0.2")]
    for arch in outputs[:2]:
        model = _flag(_COMMANDS.export(arch), "output")
        assert sidecar_path(model) != arch
    models = {_flag(_COMMANDS.export(arch), "output") for arch in outputs[:2]}
    models |= {_flag(_COMMANDS.export(outputs[0], number), "output") for number in (0, 1)}
    assert len(models) == 4
    # A name that was given without an ending is not cut at the point of its number.
    assert _flag(_COMMANDS.export(outputs[2]), "output") == "a_0.1_int8.tflite"


def test_an_arch_of_a_front_is_named_by_its_number() -> None:
    command = _COMMANDS.export(Path("front.json"), 3)
    assert _flag(command, "arch") == "front.json:3"
    assert _flag(command, "output") == "front_3_int8.tflite"


def test_names_are_quoted_for_a_shell_and_plugins_are_named_again() -> None:
    commands = NextCommands("my runs/it's", ModelForm.of_names("int8"), plugins=["a.py", "b c.py"])
    for command in (commands.export(Path("an arch.json")), commands.evaluate(Path("an arch.json"))):
        assert _flag(command, "workdir") == "my runs/it's"
        assert _flag(command, "plugins") == "a.py,b c.py"
        assert _flag(command, "arch") == "an arch.json"


def test_an_evaluation_is_on_images_that_nothing_was_chosen_by() -> None:
    assert _COMMANDS.evaluate(Path("arch.json")) == (
        "python tools/evaluate.py --workdir=runs/mine --arch=arch.json --split=report --precision=int8"
    )
    assert "--precision" not in NextCommands("runs/mine", ModelForm.of_names("float32")).evaluate(Path("arch.json"))


def test_target_and_input_are_named_where_they_are_not_the_usual_ones() -> None:
    form = ModelForm.of_names("float16", "gpu", "uint8")
    commands = NextCommands("runs/mine", form)
    assert commands.export(Path("arch.json")) == (
        "python tools/to_tflite.py --workdir=runs/mine --arch=arch.json --target=gpu --quantization=float16 "
        "--input_type=uint8 --output=arch_gpu_float16.tflite"
    )
    assert commands.evaluate(Path("arch.json")).endswith(
        " --split=report --target=gpu --precision=float16 --input_type=uint8"
    )
