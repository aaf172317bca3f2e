"""An adb server of the tests' own: other keys and another port than the user's."""

import os
import socket
import subprocess
from pathlib import Path


class AdbServer:
    """Runs the real `adb` client with a server of its own; a context manager that ends the server.

    Args:
        folder: A folder for keys, temporary files and the server's log; it may be shared with others.

    Attributes:
        environment: What processes need in their environment to use this server.
    """

    def __init__(self, folder: Path) -> None:
        home = folder / "adb_home"
        home.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.environment = {
            **_environment_without_adb(),
            "ANDROID_ADB_SERVER_PORT": str(port),
            "HOME": str(home),
            "TMPDIR": str(home),
        }

    def run(
        self,
        *arguments: str,
        timeout: float = 30,
    ) -> "subprocess.CompletedProcess[str]":
        """Run `adb` with arguments.

        Raises:
            subprocess.TimeoutExpired: If it takes longer than `timeout`, seconds.
        """
        return subprocess.run(
            ["adb", *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=timeout,
            check=False,
        )

    def __enter__(self) -> "AdbServer":
        self.run("start-server")
        return self

    def __exit__(self, *error: object) -> None:
        self.run("kill-server")


def _environment_without_adb() -> dict[str, str]:
    """This process's own environment, but for what the user tells adb."""
    environment = {}
    for name, value in os.environ.items():
        if not name.startswith(("ADB_", "ANDROID_")):
            environment[name] = value
    return environment
