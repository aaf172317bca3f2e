"""`RunFolder`: what lies where in the workdir of a run."""

from pathlib import Path

from ofa_tf.base import files
from ofa_tf.devices.device import Device
from ofa_tf.report.quickstart_table import PLAIN_NETWORK
from ofa_tf.search.accuracy_table_file import ending_of_network
from ofa_tf.search.shards import Shard
from ofa_tf.tflite.quantization.model_form import FLOAT32_ON_CPU, ModelForm, as_model_form

UNFINISHED_TABLE = ".part.json"  # ending of the file of a latency table that is still being measured


class RunFolder:
    """The files that the steps after training leave; which they are is said here and nowhere else.

    Args:
        path: The run's `--workdir`.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def accuracy_table_path(self) -> Path:
        """Where the accuracy table lies."""
        return self.path / "accuracy_table.jsonl"

    @property
    def earlier_accuracy_table_path(self) -> Path:
        """Where earlier versions kept the accuracy table, in another form."""
        return self.path / "accuracy_table.json"

    def search_measurements_path(self, share: str, form: str, network: str) -> Path:
        """Where searches keep what they measured of a supernet.

        Each supernet has its own file: of two searches at the same time, one may still have that of an earlier phase.

        Args:
            share: On which images, a name in `SHARES`.
            form: What the models are called, see `ModelForm.name`.
            network: What identifies the supernet.
        """
        name = files.safe_name(f"{share}_{form}.{ending_of_network(network)}.jsonl")
        return self.path / "search_measurements" / name

    def earlier_search_measurements_path(self, share: str, form: str) -> Path:
        """Where earlier versions kept what searches measured, of whatever supernet there was.

        Args:
            share: See `search_measurements_path`.
            form: See `search_measurements_path`.
        """
        return self.path / "search_measurements" / files.safe_name(f"{share}_{form}.jsonl")

    def shard_path(self, shard: Shard) -> Path:
        """Where one of several processes that measure a table together keeps what it measured."""
        return self.path / f"accuracy_table.shard-{shard.number}-of-{shard.count}.jsonl"

    def shard_paths(self) -> list[Path]:
        """The files at `shard_path` that there are."""
        return sorted(self.path.glob("accuracy_table.shard-*-of-*.jsonl"))

    def latency_table_path(
        self,
        device: Device | str,
        form: ModelForm | str = FLOAT32_ON_CPU,
        latency_table: str | Path | None = None,
    ) -> Path:
        """Where the latency table of a device lies.

        Args:
            device: The device, or its id.
            form: Form of its models, or the name of its precision.
            latency_table: The file, if the user named another one than the run's own.
        """
        if latency_table is not None:
            return Path(latency_table)
        name = files.safe_name(f"{device_id(device)}_{as_model_form(form).name}")
        return self.path / "latency_tables" / f"{name}.json"

    def latency_table_paths(self) -> list[Path]:
        """The latency tables that lie where this run keeps them; those that are still being measured are none."""
        paths = []
        for path in sorted((self.path / "latency_tables").glob("*.json")):
            if not path.name.endswith(UNFINISHED_TABLE):
                paths.append(path)
        return paths

    def arch_path(self, name: str) -> Path:
        """Where an arch that was found lies."""
        return self.path / "archs" / f"{name}.json"

    def model_path(self, name: str, kind: str) -> Path:
        """Where a shipped model lies.

        Args:
            name: What network it is, such as `"found_1"`.
            kind: How it was converted, such as `"int8"`.
        """
        return self.path / "models" / f"{model_name(name, kind)}.tflite"

    @property
    def benchmark_path(self) -> Path:
        """Where the measurements of the shipped models lie."""
        return self.path / "benchmark.json"

    @property
    def plain_network_path(self) -> Path:
        """Where the plain network lies that a quickstart is compared with."""
        return self.path / f"{PLAIN_NETWORK}.keras"

    @property
    def quickstart_seconds_path(self) -> Path:
        """Where a quickstart keeps how long its steps took."""
        return self.path / "quickstart_seconds.json"

    @property
    def report_path(self) -> Path:
        """Where the report of a quickstart lies."""
        return self.path / "report.html"

    @property
    def summary_path(self) -> Path:
        """Where the summary of a quickstart lies."""
        return self.path / "summary.json"


def device_id(device: Device | str) -> str:
    """The id of a device that is given itself or by its id."""
    if isinstance(device, str):
        return device
    return device.id


def model_name(name: str, kind: str) -> str:
    """What a model of a network is called, in its file's name and in measurements."""
    return f"{name}_{kind}"
