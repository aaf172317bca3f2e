import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ofa_tf.base import files
from ofa_tf.base.errors import InputError
from tests.support.repository import ROOT


def start(script: str, *args: object) -> subprocess.Popen:
    """Run a Python script in a process of its own."""
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, args)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


# --- complete or absent --------------------------------------------------


def test_written_file_appears_complete_with_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.bin"

    files.write_bytes(path, b"content")

    assert path.read_bytes() == b"content"
    assert os.listdir(path.parent) == ["file.bin"]


def test_target_changes_only_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_text("old")

    with files.atomic_path(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
        assert temporary.name == "model.keras"  # some writers look at the suffix
        assert temporary.parent.parent == tmp_path  # or the renaming would not be atomic

    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["model.keras"]


def test_a_folder_is_published_as_a_whole(tmp_path: Path) -> None:
    with files.atomic_path(tmp_path / "step_5") as temporary:
        temporary.mkdir()
        (temporary / "weights").write_text("w")
        assert not (tmp_path / "step_5").exists()

    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["step_5", "step_5/weights"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_failure_in_the_block_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")

    def write_half() -> None:
        with files.atomic_path(path) as temporary:
            temporary.write_text("ha")
            raise error

    with pytest.raises(error):
        write_half()
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_value_that_json_does_not_know_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    files.write_json(path, "arch", {"values": "old"})

    with pytest.raises(TypeError, match="set is not JSON serializable"):
        files.write_json(path, "arch", {"values": {1, 2}})
    assert files.read_json(path, "arch")["values"] == "old"
    assert os.listdir(tmp_path) == ["file.json"]


def test_full_disk_leaves_the_old_file_and_no_scraps(tmp_path: Path) -> None:
    path = tmp_path / "file.bin"
    path.write_text("old")
    script = """
        import resource, sys
        from ofa_tf.base import command_line
        from ofa_tf.base import files

        def main(argv):
            limits = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
            try:
                files.write_bytes(PATH, b"x" * 100_000)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)

        PATH = sys.argv.pop()
        command_line.run(main)
    """

    process = start(script, path)
    _, stderr = process.communicate(timeout=60)

    assert process.returncode == 1
    assert re.fullmatch(r"error: File too large.*\. Earlier results are intact\.\n", stderr)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.bin"]


def test_process_killed_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    script = """
        import sys, time
        from ofa_tf.base import files

        with files.atomic_path(sys.argv[1]) as temporary:
            with temporary.open("w") as stream:
                stream.write("ha")
                stream.flush()
                print("half written", flush=True)
                time.sleep(60)
    """

    process = start(script, path)
    assert process.stdout.readline() == "half written\n"
    process.kill()
    process.communicate(timeout=60)

    assert process.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    files.write_bytes(path, b"new")  # what the killed process left behind is in nobody's way
    assert path.read_text() == "new"


def test_what_a_killed_process_left_is_removed_when_the_path_is_written_a_day_later(tmp_path: Path) -> None:
    path = tmp_path / "step[1]"
    folders = {name: tmp_path / f".{name}.abc.tmp" for name in ("step[1]", "step[1]_new", "step1")}
    fresh = tmp_path / ".step[1].xyz.tmp"
    for folder in (*folders.values(), fresh):
        folder.mkdir()
        (folder / "part").write_text("half")
    for folder in folders.values():
        os.utime(folder, (0, 0))

    files.write_bytes(path, b"new")

    assert not folders["step[1]"].exists()
    assert fresh.exists()  # perhaps another process is writing it
    assert folders["step[1]_new"].exists()  # of other files
    assert folders["step1"].exists()


def test_readers_see_a_whole_file_while_another_process_writes_and_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    script = """
        import itertools, sys
        from ofa_tf.base import files

        for number in itertools.count():
            files.write_json(sys.argv[1], "numbers", {"values": [number] * 20_000})
            if number == 0:
                print("started", flush=True)
    """

    process = start(script, path)
    assert process.stdout.readline() == "started\n"
    seen = set()
    while len(seen) < 10:
        values = files.read_json(path, "numbers")["values"]
        assert len(values) == 20_000
        assert len(set(values)) == 1
        seen.add(values[0])
    process.kill()
    process.communicate(timeout=60)

    values = files.read_json(path, "numbers")["values"]
    assert values == [values[0]] * 20_000


# --- JSON ----------------------------------------------------------------


def test_json_is_headed_by_schema_and_versions(tmp_path: Path) -> None:
    path = tmp_path / "file.json"

    files.write_json(path, "latency_table", {"value": 3}, version=2)

    document = json.loads(path.read_text())
    assert list(document) == ["schema", "versions", "value"]
    assert document["schema"] == "ofa_tf/latency_table/2"
    assert set(document["versions"]) == {"ofa_tf", "tensorflow", "keras", "ai-edge-litert", "litert-quantizer"}
    assert files.read_json(path, "latency_table") == files.read_json(path) == document


def test_package_that_is_missing_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_PACKAGES", ("keras", "surely-not-a-package"))
    assert files.versions()["surely-not-a-package"] == "not installed"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "Expected {path} to be a JSON file. Received: Expecting value: line 1 column 1 (char 0)."),
        (b'{"a": 1', "Received: Expecting ',' delimiter: line 1 column 8 (char 7). Put it back from a copy, or make"),
        (b"\xff\xfe", "Expected {path} to be a JSON file. Received: a file that is no text. Check that it"),
        (b"[1]", "Expected {path} to hold a JSON object. Received: list."),
        (b"null", "Expected {path} to hold a JSON object. Received: NoneType."),
        (
            b'{"schema": "ofa_tf/arch/1"}',
            "Expected {path} to have the schema 'ofa_tf/measurement/...'. Received: 'ofa_tf/arch/1'. Check that",
        ),
        (b'{"schema": "ofa_tf/measurements/1"}', "Received: 'ofa_tf/measurements/1'."),
        (b'{"schema": 3}', "Received: 3."),
    ],
)
def test_file_that_is_not_the_expected_json_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)

    with pytest.raises(InputError, match=re.escape(message.format(path=path))):
        files.read_json(path, "measurement")


def test_missing_file_and_folder_are_refused_with_the_hint(tmp_path: Path) -> None:
    path = tmp_path / "none.json"
    with pytest.raises(InputError, match=f"^Expected a file at {re.escape(str(path))}. Received: no such file. Do x.$"):
        files.read_json(path, hint="Do x.")
    with pytest.raises(InputError, match=f"^Expected a JSON file. Received: the folder {re.escape(str(tmp_path))}. Do"):
        files.read_json(tmp_path, hint="Do x.")


def test_a_json_file_of_another_kind_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "phone.json"
    files.write_json(path, "arch", {"a": 1})
    before = path.read_bytes()
    with pytest.raises(
        InputError,
        match=r"kind 'tflite_model'. Received: one with the schema 'ofa_tf/arch/1'; it is not replaced. Choose",
    ):
        files.write_json(path, "tflite_model", {"a": 2})
    assert path.read_bytes() == before
    files.write_json(path, "arch", {"a": 2})
    assert files.read_json(path, "arch")["a"] == 2


@pytest.mark.parametrize("content", [b'{"arch": "by hand"}', b"[1, 2]", b"notes"])
def test_a_file_without_a_schema_is_not_overwritten(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "net.json"
    path.write_bytes(content)
    with pytest.raises(
        InputError,
        match=r"Received: one that this program did not write, .*; it is not replaced. Choose",
    ):
        files.write_json(path, "tflite_model", {"a": 2})
    assert path.read_bytes() == content


def test_compressed_archives_that_do_not_unpack_are_damaged(tmp_path: Path) -> None:
    path = tmp_path / "arrays.npz"
    np.savez_compressed(path, a=np.arange(5000) % 97)
    files.check_archive(path)
    whole = path.read_bytes()
    for position in range(60, len(whole) // 2, 40):
        flipped = bytearray(whole)
        flipped[position : position + 20] = bytes(255 - byte for byte in flipped[position : position + 20])
        path.write_bytes(flipped)
        with pytest.raises(InputError, match=r"to be a complete file\. Received: a damaged one"):
            files.check_archive(path)


def test_a_version_tells_that_a_file_was_appended_to_or_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert files.version_of(path) == ()
    files.write_bytes(path, b"one")
    first = files.version_of(path)
    assert files.version_of(path) == first
    files.append_bytes(path, b"more")
    appended = files.version_of(path)
    files.write_bytes(path, b"another")
    assert len({first, appended, files.version_of(path)}) == 3


def test_an_output_that_cannot_be_written_is_refused_at_once(tmp_path: Path) -> None:
    files.check_output(tmp_path / "new" / "folder" / "m.tflite")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"m.tflite to be in a folder that can be written. Received: .*file, a file"):
        files.check_output(tmp_path / "file" / "m.tflite")
    with pytest.raises(InputError, match=r"Received: the folder .*Add a file name"):
        files.check_output(tmp_path)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match=r"a device, pipe or socket. Name a file."):
        files.check_output(pipe)


def test_a_folder_that_is_read_only_is_refused_at_once() -> None:
    with tempfile.TemporaryDirectory() as folder:  # not pytest's, which only its owner enters
        Path(folder).chmod(0o555)

        def check() -> None:
            with pytest.raises(InputError, match=r"a folder that can be written. Received: .*, which cannot"):
                files.check_output(Path(folder) / "m.tflite")

        _as_ordinary_user(check)
        assert list(Path(folder).iterdir()) == []


def _as_ordinary_user(check: Callable[[], None]) -> None:
    """No permission stops root."""
    if os.geteuid() != 0:
        check()
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of fork beside threads
        child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setresuid(65534, 65534, 65534)
            check()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
