"""The array holds the model's bytes, where a compiler sees them, at an address that interpreters take."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ofa_tf.base.errors import InputError
from ofa_tf.tflite.snippets.c_array import check_c_array_output, write_c_array

_MAIN = """#include <cstdio>
#include <cstdint>
#include "NAME.h"
int main() {
    std::fprintf(stderr, "%d", (int)(reinterpret_cast<std::uintptr_t>(IDENTIFIER) % 16));
    return std::fwrite(IDENTIFIER, 1, IDENTIFIER_size, stdout) != IDENTIFIER_size;
}
"""


@pytest.mark.skipif(shutil.which("g++") is None, reason="there is no C++ compiler")
@pytest.mark.parametrize(
    ("name", "identifier"), [("my-model", "g_my_model"), ("2nd", "g_2nd"), ("__float__", "g_float")]
)
def test_a_compiled_program_has_the_model(name: str, identifier: str, float_model: bytes, tmp_path: Path) -> None:
    model = tmp_path / f"{name}.tflite"
    model.write_bytes(float_model)
    source = tmp_path / f"{name}.cc"
    write_c_array(source, model)
    main = tmp_path / "main.cc"
    main.write_text(_MAIN.replace("NAME", name).replace("IDENTIFIER", identifier))
    program = tmp_path / "program"
    subprocess.run(["g++", "-Wall", "-Werror", "-o", program, main, source], check=True, timeout=300)
    done = subprocess.run([program], capture_output=True, check=True, timeout=60)
    assert done.stdout == model.read_bytes()
    assert done.stderr == b"0"
    assert "interpreter: ADD, CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, " in source.with_suffix(".h").read_text()


def test_an_array_is_replaced_and_other_files_are_not(float_model: bytes, tmp_path: Path) -> None:
    source, model = tmp_path / "m.cc", tmp_path / "m.tflite"
    model.write_bytes(float_model)
    write_c_array(source, model)
    model.write_bytes(float_model + b"other")
    write_c_array(source, model)
    numbers = re.findall("0x[0-9a-f]{2}", source.read_text())
    assert bytes(int(number, 16) for number in numbers[-5:]) == b"other"

    header = tmp_path / "m.h"
    header.write_text("#pragma once  // mine\n")
    with pytest.raises(InputError, match=r"m\.h to be free, or an older array of a model\. Received: another file"):
        check_c_array_output(source)
    with pytest.raises(InputError, match="it is not replaced"):
        write_c_array(source, model)
    assert header.read_text() == "#pragma once  // mine\n"
