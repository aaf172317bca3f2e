"""Computers of different processors have different names, also where Linux gives none."""

import os
import platform
from pathlib import Path

import pytest

from ofa_tf.base.cpu_model import read_cpu_model

# What /proc/cpuinfo says of a core of a Raspberry Pi 4, and of those of a phone's processor on a board.
_CORTEX_A72 = "processor\t: {}\nBogoMIPS\t: 108.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd08\n\n"
_CORTEX_A55 = "processor\t: {}\nBogoMIPS\t: 48.00\nCPU implementer\t: 0x41\nCPU part\t: 0xd05\n\n"


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_name_is_that_of_linux_where_it_gives_one(tmp_path: Path) -> None:
    processor = _write(
        tmp_path / "cpuinfo", "processor\t: 0\nmodel name\t: A CPU @ 2 GHz\n\nmodel name\t: A CPU @ 2 GHz\n"
    )
    assert read_cpu_model(processor, tmp_path / "absent") == "A CPU @ 2 GHz"


def test_arm_processors_are_told_by_their_cores_and_their_board(tmp_path: Path) -> None:
    small = _write(tmp_path / "small", _CORTEX_A72.format(0) + _CORTEX_A72.format(1))
    big_little = _write(tmp_path / "big", _CORTEX_A72.format(0) + _CORTEX_A55.format(1))
    board = _write(tmp_path / "model", "Raspberry Pi 4 Model B Rev 1.4\0")
    absent = tmp_path / "absent"
    assert read_cpu_model(small, board) == "Raspberry Pi 4 Model B Rev 1.4 (ARM cores 0x41/0xd08)"
    assert read_cpu_model(small, absent) == "ARM cores 0x41/0xd08"
    assert read_cpu_model(big_little, absent) == "ARM cores 0x41/0xd05, 0x41/0xd08"


def test_a_name_that_many_arm_processors_share_is_none(tmp_path: Path) -> None:
    shared = "model name\t: ARMv7 Processor rev 3 (v7l)\n"
    pi = _write(tmp_path / "pi", shared + _CORTEX_A72.format(0))
    other = _write(tmp_path / "other", shared + _CORTEX_A55.format(0))
    assert read_cpu_model(pi, tmp_path / "absent") != read_cpu_model(other, tmp_path / "absent")


def test_macos_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a program of that name: there is no macOS here."""
    program = _write(tmp_path / "sysctl", "#!/bin/sh\necho Apple M2: $@\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    assert read_cpu_model(tmp_path / "absent", tmp_path / "absent") == "Apple M2: -n machdep.cpu.brand_string"
    program.write_text("#!/bin/sh\nexit 1\n")
    assert read_cpu_model(tmp_path / "absent", tmp_path / "absent") == (platform.processor() or platform.machine())


def test_without_any_name_it_is_the_architecture(tmp_path: Path) -> None:
    empty = _write(tmp_path / "cpuinfo", "")
    assert read_cpu_model(empty, empty) == (platform.processor() or platform.machine())
