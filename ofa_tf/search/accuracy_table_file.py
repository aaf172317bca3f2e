"""`AccuracyTableFile`: the file of an accuracy table that grows, which several programs may read and write.

It grows by a line with each subnet that is measured, so that a table of a hundred thousand takes no longer to be
continued than one of ten, and a process that is killed loses the line it was writing. Whoever reads it without a lock
sees whole lines only: those that are there are never changed in place, as a file that must lose something is replaced
by another one.
"""

import dataclasses
from pathlib import Path

from ofa_tf.base import files
from ofa_tf.base.counts import count_in_words
from ofa_tf.base.errors import InputError
from ofa_tf.base.progress import tell
from ofa_tf.search.accuracy_count import AccuracyCount
from ofa_tf.search.accuracy_header import BUILD_AGAIN, Origin, TableHeader, read_header, read_table, whole_lines
from ofa_tf.search.accuracy_lines import decode_lines, encode_line
from ofa_tf.search.accuracy_table import AccuracyTable, check_num_images
from ofa_tf.search.shards import Shard
from ofa_tf.space.arch import Arch
from ofa_tf.space.search_space import SearchSpace

_LETTERS_OF_NETWORK = 8  # of what identifies a network, in the names of files


@dataclasses.dataclass(frozen=True)
class FileContent:
    """What a table's file held when it was read.

    Args:
        header: Its first line, with the end.
        num_bytes: Length of its whole lines.
        table: The table.
    """

    header: bytes
    num_bytes: int
    table: AccuracyTable


def read_content(path: Path, space: SearchSpace, advice: str = BUILD_AGAIN) -> FileContent | None:
    """Read a table's file, before what decides the measurements is known.

    Args:
        path: The file.
        space: Search space of the table.
        advice: What to do about a file that cannot be read.

    Returns:
        What it holds; `None` if there is none.

    Raises:
        InputError: If the file is damaged.
    """
    if not path.exists():
        return None
    content = read_table(path, advice)
    table = AccuracyTable.parse(content, space, path, advice)
    header, end, _ = content.partition(b"\n")
    return FileContent(header + end, content.rindex(b"\n") + 1, table)


def keep_other(path: Path, origin: Origin) -> None:
    """Copy a table of another network or other images, which will be replaced, to a file beside it, and tell that.

    Args:
        path: The table's file; need not be there.
        origin: What decides the measurements that will replace it. Nothing is done for a table of the same network
            and the same images.

    Raises:
        InputError: If the file is damaged.
    """
    if not path.exists():
        return
    content = read_table(path)
    header_line, *lines = whole_lines(content, path)
    other = read_header(header_line, path).origin
    if (other.split, other.network) == (origin.split, origin.network):
        return
    what = "another supernet"
    if other.network == origin.network:
        what = f"the images {other.split!r}"
    kept = _name_for_kept(path, str(other.network), content)
    files.write_bytes(kept, content)
    num_archs = sum(line != "" for line in lines)
    subnets = count_in_words(num_archs, "subnet")
    tell(f"{path} is begun anew: it was of {what} ({subnets}), and is kept as {kept.name}")


def ending_of_network(network: str) -> str:
    """What tells files with measurements of different networks apart, for their names: `of_` and some letters.

    Args:
        network: What identifies the network.
    """
    return f"of_{files.safe_name(network[:_LETTERS_OF_NETWORK])}"


def _name_for_kept(path: Path, network: str, content: bytes) -> Path:
    """Where nothing lies, or nothing that `content` has not, too."""
    name = f"{path.name}.{ending_of_network(network)}"
    number = 1
    kept = path.with_name(name)
    while kept.exists() and not content.startswith(kept.read_bytes()):
        number += 1
        kept = path.with_name(f"{name}_{number}")
    return kept


class AccuracyTableFile:
    """The file of a table that grows.

    Args:
        path: The file; need not be there.
        space: Search space of the table.
        origin: What decides the measurements. Those of another network or other images that the file may
            hold are not continued; before the first measurement replaces them, they are kept, see `keep_other`.
        content: From `read_content`, if the file has not changed since; by default it is read.
        advice: See `read_content`.

    Attributes:
        known: What the file held of the same origin at first; `None` if nothing.

    Raises:
        InputError: If the file is damaged, or of the same network and another sample of subnets.
    """

    def __init__(
        self,
        path: Path,
        space: SearchSpace,
        origin: Origin,
        content: FileContent | None = None,
        advice: str = BUILD_AGAIN,
    ) -> None:
        self._path = path
        self._space = space
        self._origin = origin
        self._advice = advice
        # Of a file of the same origin: its first line, as it is written, how many bytes of it are known, and on how
        # many images its measurements are.
        self._header = b""
        self._num_bytes = 0
        self._num_images: tuple[int, int] | None = None
        self.known = self._take(content or read_content(path, space, advice))

    def read_new(self) -> AccuracyTable | None:
        """What was written to the file since this program last read or wrote it.

        Returns:
            The new lines, or all of a file that was replaced; `None` if there is nothing of the same origin.

        Raises:
            InputError: See the class.
        """
        new_content = self._new_content()
        if new_content is None:
            return self._read_all()
        whole, end, _ = new_content.rpartition(b"\n")
        if not end or self._num_images is None:
            return None
        try:
            lines = whole.decode().split("\n")
            counts = decode_lines(lines, self._space, self._num_images, self._path)
        except (InputError, UnicodeDecodeError):
            return self._read_all()  # raises, if there is no other reason, and knows the number of the line
        self._num_bytes += len(whole + end)
        return AccuracyTable(
            space=self._space,
            genes=counts.genes,
            num_correct=counts.num_correct,
            num_images=self._num_images,
            split=self._origin.split,
            network=self._origin.network,
            shard=self._origin.shard,
        )

    def append(self, arch: Arch, measurement: AccuracyCount) -> None:
        """Write a measurement.

        Where other programs may write to the file, call this and, before it, `read_new` while holding its lock
        (`ofa_tf.base.folder_lock`).

        Raises:
            InputError: If it is of another number of images than those before; nothing is written then.
        """
        line = bytes(encode_line(arch, measurement.num_correct), "utf-8")
        if self._num_images is None:
            keep_other(self._path, self._origin)
            header_line = TableHeader(self._space.name, measurement.num_images, self._origin).encode()
            header = bytes(header_line, "utf-8")
            files.write_bytes(self._path, header + line)
            self._remember(header, len(header + line), measurement.num_images)
            return
        check_num_images(measurement, self._num_images, self._path)
        if self._path.stat().st_size > self._num_bytes:
            # A process that was killed left a part of a line.
            content = self._path.read_bytes()[: self._num_bytes]
            files.write_bytes(self._path, content + line)
        else:
            files.append_bytes(self._path, line)
        self._num_bytes += len(line)

    def _new_content(self) -> bytes | None:
        """What the file has behind what is known of it; `None` if it is not the file that is known."""
        if not self._header:
            return None
        try:
            with self._path.open("rb") as stream:
                is_same = stream.read(len(self._header)) == self._header
                # The end of the last line that is known is looked at, too.
                stream.seek(self._num_bytes - 1)
                content = stream.read()
        except FileNotFoundError:
            return None
        if not is_same or not content.startswith(b"\n"):
            return None
        return content[1:]

    def _read_all(self) -> AccuracyTable | None:
        return self._take(read_content(self._path, self._space, self._advice))

    def _take(self, content: FileContent | None) -> AccuracyTable | None:
        """The table of a file, if it is of the same origin, which is known from now on."""
        self._remember(b"", 0, None)
        if content is None:
            return None
        table = content.table
        if (table.split, table.network) != (self._origin.split, self._origin.network):
            return None
        if table.shard != self._origin.shard:
            raise InputError(
                f"Expected {self._path} to be {_describe(self._origin.shard)}. "
                f"Received: {_describe(table.shard)}. Pass the same --num_archs and --seed, or delete the file."
            )
        self._remember(content.header, content.num_bytes, table.num_images)
        return table

    def _remember(self, header: bytes, num_bytes: int, num_images: tuple[int, int] | None) -> None:
        self._header = header
        self._num_bytes = num_bytes
        self._num_images = num_images


def _describe(shard: Shard | None) -> str:
    if shard is None:
        return "no shard"
    return f"of {shard.flags}"
