"""LiteRT's compiler plug-ins, one for each vendor of neural processors, and the program that loads them.

Importing this module loads `ai_edge_litert.aot`, which takes a tenth of a second; TensorFlow is not loaded.
"""

import importlib
import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ai_edge_litert.aot.core import aot_types, common, components
from ai_edge_litert.aot.vendors import import_vendor

from ofa_tf.base.errors import InputError

_PROGRAM = Path("tools/apply_plugin_main")
_TIME_LIMIT_S = 1800.0

# What the program says of faults, the most telling first.
_REASONS = (
    re.compile(r"Could not load shared library \S+: (.+)"),
    re.compile(r"Cannot load library \"\S+\": (.+)"),
    re.compile(r"ERROR: \[[\w.]+:\d+\] (?!ERROR)(.+)"),
)


def soc_models(litert_name: str) -> list[str]:
    """Names of the chips of a vendor that LiteRT knows.

    Args:
        litert_name: What LiteRT calls the vendor.
    """
    models = _target_module(litert_name).SocModel
    return [model.value for model in models if model.value != models.ALL.value]


def run_plugin(command: str, litert_name: str, soc_model: str, model: Path, output: Path) -> str:
    """Let a vendor's plug-in do something with a model.

    Args:
        command: What it shall do: `"partition"` (cut out what the neural processor takes) or
            `"apply"` (compile that, too).
        litert_name: What LiteRT calls the vendor.
        soc_model: The chip, one of `soc_models`.
        model: The `.tflite` file.
        output: The file to write.

    Returns:
        What the program said.

    Raises:
        InputError: If it did not work, with what it said of that.
    """
    target = _target_module(litert_name).Target(soc_model=_target_module(litert_name).SocModel(soc_model))
    backend = import_vendor.import_vendor(target.backend_id()).create(target.flatten())
    run = _PluginRun(command)
    backend.call_component(
        aot_types.Model.create_from_path(model),
        aot_types.Model.create_from_path(output),
        run,
    )
    return run.told


def _target_module(litert_name: str) -> Any:
    return importlib.import_module(f"ai_edge_litert.aot.vendors.{litert_name}.target")


class _PluginRun(components.ApplyPluginT):
    """A call of the program, with the arguments that LiteRT's module of a vendor finds for it.

    LiteRT's own class of this kind only compiles, and leaves what the program said in a file.
    """

    def __init__(self, command: str) -> None:
        self._command = command
        self.told = ""

    @property
    def component_name(self) -> str:
        return self._command

    def __call__(
        self,
        input_model: aot_types.Model,
        output_model: aot_types.Model,
        soc_manufacturer: str,
        soc_model: str,
        sdk_libs_path: str | None = None,
        **options: object,
    ) -> None:
        try:
            program = common.get_resource(_PROGRAM)
        except FileNotFoundError as error:
            raise InputError(
                "Expected a LiteRT that compiles for neural processors, as that for Linux on x86-64 does. "
                "Received: one without it. Compile on such a computer."
            ) from error
        arguments = [
            f"--cmd={self._command}",
            f"--model={input_model.path}",
            f"--o={output_model.path}",
            f"--soc_manufacturer={soc_manufacturer}",
            f"--soc_model={soc_model}",
            "--err=--",  # faults go to stderr
            *(f"--{name}={value}" for name, value in options.items()),
        ]
        try:
            done = subprocess.run(
                [str(program), *arguments],
                env=_environment(sdk_libs_path),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_TIME_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise InputError(f"it was still at it after {_TIME_LIMIT_S:g} s") from error
        self.told = done.stdout
        if done.returncode != 0 or not output_model.path.is_file() or output_model.path.stat().st_size == 0:
            raise InputError(_reason(done.stdout))


def _environment(sdk_libs_path: str | None) -> Mapping[str, str]:
    """This process's environment, with the folders of LiteRT's and of the vendor's libraries."""
    folders = [folder for folder in (sdk_libs_path, common.construct_ld_library_path()) if folder]
    return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(folders)}


def _reason(told: str) -> str:
    """Why the program failed, from what it said."""
    for pattern in _REASONS:
        found = pattern.search(told)
        if found is not None:
            clauses = found.group(1).strip().rstrip(".").split(": ")
            return ": ".join(dict.fromkeys(clauses))  # it says some twice
    return "it failed without saying why"
