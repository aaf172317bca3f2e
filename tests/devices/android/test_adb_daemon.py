"""The stand-in for a phone, seen through the real `adb` client."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.adb_daemon import AdbDaemon, Faults
from tests.support.adb_server import AdbServer

pytestmark = [
    pytest.mark.skipif(shutil.which("adb") is None, reason="needs the program `adb` (Debian's package adb)"),
    pytest.mark.long,  # of the daemon, not of the product
    pytest.mark.xdist_group("adb_daemon"),
]

STORAGE = "/data/local/tmp"
CONTENT = bytes(range(256)) * 12_000  # 3 MB
Adb = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdbServer]:
    with AdbServer(tmp_path_factory.mktemp("adb")) as server:
        yield server


@pytest.fixture
def phone(server: AdbServer, tmp_path: Path) -> Iterator[AdbDaemon]:
    with AdbDaemon(tmp_path / "phone", {"ro.product.model": "Tester's phone"}) as phone:
        server.run("connect", phone.serial)
        yield phone
        server.run("disconnect", phone.serial)


@pytest.fixture
def adb(server: AdbServer, phone: AdbDaemon) -> Adb:
    return lambda *arguments, **options: server.run("-s", phone.serial, *arguments, **options)


@pytest.fixture
def large_file(tmp_path: Path) -> str:
    (tmp_path / "large").write_bytes(CONTENT)
    return str(tmp_path / "large")


def _connect_again(server: AdbServer, phone: AdbDaemon) -> str:
    server.run("disconnect", phone.serial)
    return server.run("connect", phone.serial).stdout


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it took longer than 10 s"
        time.sleep(0.02)


def test_the_phone_tells_what_it_is(
    adb: Adb,
    server: AdbServer,
    phone: AdbDaemon,
) -> None:
    line = next(line for line in server.run("devices", "-l").stdout.splitlines() if phone.serial in line)
    assert line.split()[1:5] == ["device", "product:stand_in", "model:Tester_s_phone", "device:stand_in"]
    assert adb("get-state").stdout == "device\n"
    assert adb("shell", "getprop ro.product.model").stdout == "Tester's phone\n"
    assert adb("shell", "getprop no.such.property").stdout.strip() == ""
    assert "[ro.build.version.sdk]: [34]\n" in adb("shell", "getprop").stdout
    assert phone.commands == ["getprop ro.product.model", "getprop no.such.property", "getprop"]


def test_dumpsys_tells_the_health_that_was_set(adb: Adb, phone: AdbDaemon) -> None:
    phone.health.battery_level, phone.health.battery_temperature, phone.health.thermal_status = 12, 41.5, 3
    battery, thermal = adb("shell", "dumpsys battery").stdout, adb("shell", "dumpsys thermalservice").stdout
    assert "\n  level: 12\n" in battery
    assert "\n  temperature: 415\n" in battery
    assert "\nThermal Status: 3\n" in thermal
    assert "Can't find service: none" in adb("shell", "dumpsys none").stdout


def test_exit_status_and_standard_error_come_apart(adb: Adb) -> None:
    for status in (0, 1, 7, 127, 255):
        assert adb("shell", f"exit {status}").returncode == status
    result = adb("shell", "echo out; echo err >&2; kill -9 $$")
    assert (result.stdout, result.stderr, result.returncode) == ("out\n", "err\n", 137)
    assert adb("shell", "no_such_program").returncode == 127


def test_much_output_arrives_whole(adb: Adb) -> None:
    assert adb("shell", "seq 200000").stdout == "".join(f"{number}\n" for number in range(1, 200_001))


def test_input_reaches_a_command(server: AdbServer, phone: AdbDaemon) -> None:
    command = ["adb", "-s", phone.serial, "shell", "sha256sum"]
    shown = subprocess.run(
        command, env=server.environment, input=CONTENT, capture_output=True, timeout=30, check=True
    ).stdout
    local = subprocess.run(["sha256sum"], input=CONTENT, capture_output=True, timeout=30, check=True).stdout
    assert shown == local


@pytest.mark.parametrize("without_shell_v2", [False, True])
@pytest.mark.parametrize("name", ["plain", 'it\'s 1 "$(x)"; `é` & ünï,1 \\'])
def test_files_come_back_as_they_were_pushed(
    adb: Adb,
    server: AdbServer,
    phone: AdbDaemon,
    large_file: str,
    tmp_path: Path,
    name: str,
    without_shell_v2: bool,
) -> None:
    phone.faults.without_shell_v2 = without_shell_v2
    _connect_again(server, phone)
    assert adb("push", large_file, f"{STORAGE}/a folder/{name}").returncode == 0
    assert phone.files() == ["a folder", f"a folder/{name}"]
    assert adb("pull", f"{STORAGE}/a folder/{name}", str(tmp_path / "back")).returncode == 0
    assert (tmp_path / "back").read_bytes() == CONTENT


def test_a_pushed_program_keeps_its_permission(adb: Adb, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho it runs in $PWD with $1\n")
    program.chmod(0o755)
    adb("push", str(program), STORAGE)
    assert adb("shell", f"cd {STORAGE} && ./program 1").stdout.endswith(f"{STORAGE} with 1\n")
    adb("shell", f"chmod 644 {STORAGE}/program")
    assert adb("shell", f"{STORAGE}/program").returncode == 126


def test_what_is_not_there_is_told(
    adb: Adb,
    large_file: str,
    tmp_path: Path,
) -> None:
    pulled = adb("pull", f"{STORAGE}/none", str(tmp_path / "back"))
    assert pulled.returncode == 1
    assert f"failed to stat remote object '{STORAGE}/none': No such file or directory" in pulled.stdout
    pushed = adb("push", large_file, "/system/none")
    assert pushed.returncode == 1
    assert "remote couldn't create file: Permission denied" in pushed.stdout


def test_two_commands_run_at_once(
    adb: Adb,
    server: AdbServer,
    phone: AdbDaemon,
) -> None:
    wait_for_it = f"until [ -e {STORAGE}/second ]; do sleep 0.02; done; echo first ends"
    command = ["adb", "-s", phone.serial, "shell", wait_for_it]
    with subprocess.Popen(
        command, env=server.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as first:
        _wait_until(lambda: wait_for_it in phone.commands)
        assert adb("shell", f"touch {STORAGE}/second; echo second ends").stdout == "second ends\n"
        assert first.communicate(timeout=30)[0] == "first ends\n"


def test_a_phone_that_does_not_authorize_is_unauthorized(
    adb: Adb,
    server: AdbServer,
    phone: AdbDaemon,
    large_file: str,
) -> None:
    phone.faults.unauthorized = True
    assert _connect_again(server, phone) == f"failed to authenticate to {phone.serial}\n"
    assert f"{phone.serial}\tunauthorized" in server.run("devices").stdout
    assert adb("shell", "true").stderr.startswith("error: device unauthorized.\n")
    assert "failed to get feature set: device unauthorized." in adb("push", large_file, STORAGE).stdout
    phone.faults.unauthorized = False
    assert _connect_again(server, phone) == f"connected to {phone.serial}\n"


def test_a_phone_that_stops_answering_is_offline(
    adb: Adb,
    server: AdbServer,
    phone: AdbDaemon,
    large_file: str,
) -> None:
    phone.faults.offline = True
    phone.disconnect()
    _wait_until(lambda: f"{phone.serial}\toffline" in server.run("devices").stdout)
    assert adb("shell", "true").stderr == "error: device offline\n"
    assert "failed to get feature set: device offline" in adb("push", large_file, STORAGE).stdout
    assert server.run("connect", phone.serial).stdout == f"already connected to {phone.serial}\n"
    phone.faults.offline = False
    assert _connect_again(server, phone) == f"connected to {phone.serial}\n"


def test_a_phone_that_is_gone_comes_back(
    adb: Adb,
    server: AdbServer,
    phone: AdbDaemon,
) -> None:
    phone.disconnect(seconds=1)
    server.run("disconnect", phone.serial)
    assert server.run("connect", phone.serial).stdout.endswith(": Connection refused\n")
    assert adb("shell", "true").stderr == f"error: device '{phone.serial}' not found\n"
    _wait_until(lambda: server.run("connect", phone.serial).stdout == f"connected to {phone.serial}\n")
    assert adb("shell", "echo back").stdout == "back\n"


def test_a_command_cut_off_looks_like_success_with_part_of_its_output(
    adb: Adb,
    phone: AdbDaemon,
) -> None:
    phone.faults.cut_command, phone.faults.cut_shell_after, phone.faults.times = "^seq", 1000, 1
    result = adb("shell", "seq 100000")
    assert (len(result.stdout), result.returncode) == (1000, 0)
    assert adb("wait-for-device").returncode == 0
    assert len(adb("shell", "seq 1000").stdout) > 1000


def test_a_push_cut_off_leaves_nothing(
    adb: Adb,
    server: AdbServer,
    phone: AdbDaemon,
    large_file: str,
) -> None:
    phone.faults.cut_push_after, phone.faults.times = 1_000_000, 1
    result = adb("push", large_file, f"{STORAGE}/file")
    assert result.returncode == 1
    assert "couldn't read from device" in result.stdout or "connection reset" in result.stdout.lower()
    assert phone.files() == []
    _connect_again(server, phone)
    assert adb("push", large_file, f"{STORAGE}/file").returncode == 0


@pytest.mark.parametrize(("fits", "doing"), [(0, "couldn't create file"), (1_000_000, "write failed")])
def test_a_full_disk_is_told(
    adb: Adb,
    phone: AdbDaemon,
    large_file: str,
    fits: int,
    doing: str,
) -> None:
    phone.faults.full_disk_after = fits
    result = adb("push", large_file, f"{STORAGE}/file")
    assert result.returncode == 1
    assert f"remote {doing}: No space left on device" in result.stdout
    assert phone.files() == []


def test_a_corrupt_push_differs_in_one_byte(
    adb: Adb,
    phone: AdbDaemon,
    large_file: str,
) -> None:
    phone.faults.corrupt_push, phone.faults.times = True, 1
    for num_different in (1, 0):
        assert adb("push", large_file, f"{STORAGE}/file").returncode == 0
        stored = (phone.storage / "file").read_bytes()
        assert sum(a != b for a, b in zip(stored, CONTENT, strict=True)) == num_different


def test_a_slow_phone_answers_late(adb: Adb, phone: AdbDaemon) -> None:
    phone.faults.delay_seconds = 0.5
    start = time.monotonic()
    assert adb("shell", "echo late").stdout == "late\n"
    assert time.monotonic() - start >= 0.5


@pytest.mark.parametrize("command", ["sleep 60", "cd / && sleep 60", "sleep 60; exit $?"])
def test_a_killed_program_has_status_137(
    adb: Adb,
    phone: AdbDaemon,
    command: str,
) -> None:
    phone.faults.kill_command = "sleep"
    assert adb("shell", command).returncode == 137


def test_a_hanging_command_ends_when_the_host_gives_up(
    adb: Adb,
    phone: AdbDaemon,
) -> None:
    phone.faults.hang_command = "true"
    with pytest.raises(subprocess.TimeoutExpired):
        adb("shell", "true", timeout=0.5)
    _wait_until(lambda: phone.processes() == [])
    assert adb("shell", "echo others go on").stdout == "others go on\n"


def test_what_a_shell_started_outlives_a_host_that_gives_up(
    adb: Adb,
    phone: AdbDaemon,
) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        adb("shell", "sleep 60; echo", timeout=0.5)
    _wait_until(lambda: len(phone.processes()) == 1)


def test_without_the_shell_protocol_there_is_one_output_and_no_status(
    adb: Adb,
    server: AdbServer,
    phone: AdbDaemon,
) -> None:
    phone.faults.without_shell_v2 = True
    _connect_again(server, phone)
    result = adb("shell", "echo out; echo err >&2; exit 7")
    assert (result.stdout, result.stderr, result.returncode) == ("out\nerr\n", "", 0)
    assert "shell_v2" not in adb("features").stdout


def test_nothing_is_left_afterwards(server: AdbServer, tmp_path: Path) -> None:
    threads = threading.enumerate()
    with AdbDaemon(tmp_path / "phone", faults=Faults(hang_command="hang")) as phone:
        server.run("connect", phone.serial)
        for command in ("hang", f"setsid sleep 60 & trap '' HUP; touch {STORAGE}/file; sleep 60"):
            with pytest.raises(subprocess.TimeoutExpired):
                server.run("-s", phone.serial, "shell", command, timeout=0.5)
        assert len(phone.processes()) >= 2
    server.run("disconnect", phone.serial)
    assert phone.processes() == []
    assert threading.enumerate() == threads
    assert phone.files() == ["file"]
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", phone.port)) != 0


def test_a_folder_that_a_shell_would_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Received: .*a b"):
        AdbDaemon(tmp_path / "a b")
