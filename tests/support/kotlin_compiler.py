"""The Kotlin compiler, where there is one, and the stand-ins for Android that generated Kotlin is compiled against."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

STAND_INS = Path(__file__).with_name("kotlin")


def has_kotlin() -> bool:
    """Whether Kotlin can be compiled and run here."""
    return shutil.which("kotlinc") is not None and shutil.which("java") is not None


def compile_kotlin(sources: Sequence[Path], jar: Path) -> None:
    """Compile sources with the stand-ins into a program.

    Raises:
        AssertionError: If there are errors, with what the compiler says.
    """
    stand_ins = sorted(STAND_INS.glob("*.kt"))
    command = ["kotlinc", *map(str, [*stand_ins, *sources]), "-include-runtime", "-d", str(jar)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=500, check=False)
    assert result.returncode == 0, result.stderr[-3000:]


def run_kotlin(jar: Path, main_class: str, *arguments: str, folder: Path) -> str:
    """Run a program in a folder; what it printed."""
    command = ["java", "-cp", str(jar), main_class, *arguments]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    return result.stdout
