"""How a photograph is to be turned, as the first bytes of its JPEG file say.

A JPEG begins with segments of the programs that wrote it, one of which may hold EXIF data: a small TIFF file, with a
table of tags. The tag "Orientation" is a number from 1 to 8. Needs neither NumPy nor TensorFlow.

Reference: "Exchangeable image file format for digital still cameras: Exif Version 2.32", CIPA DC-008, sections 4.5 and
4.6.
"""

import struct
from typing import BinaryIO

# The orientation of an image that is stored as it is to be seen.
UPRIGHT = 1

ORIENTATIONS = range(1, 9)

_NUM_FIRST_MARKER_BYTES = 2

# Markers of the segments that stand before the image itself.
_APP0 = 0xFFE0
_APP1 = 0xFFE1
_APP15 = 0xFFEF

_EXIF_HEADER = b"Exif\0\0"

# First bytes of a TIFF file -> the order of bytes of its numbers, in the language of `struct`.
_BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_FIRST_TABLE_POSITION = 4

_ENTRY_BYTES = 12
_ORIENTATION_TAG = 0x0112
_SHORT = 3  # the type of a 16-bit number


def read_orientation(stream: BinaryIO) -> int:
    """The orientation of a JPEG, 1 to 8; `UPRIGHT` if it has none, or EXIF data that are damaged.

    Args:
        stream: A JPEG file, open for reading.
    """
    try:
        exif = _read_exif(stream)
        return _find_orientation(exif)
    except struct.error:  # Something ends before it should.
        return UPRIGHT


def _read_exif(stream: BinaryIO) -> bytes:
    """The TIFF file in the first EXIF segment of a JPEG; nothing if it has no such segment."""
    stream.seek(_NUM_FIRST_MARKER_BYTES)
    while True:
        marker, length = struct.unpack(">HH", stream.read(4))
        if not _APP0 <= marker <= _APP15:
            return b""
        end = stream.tell() + length - 2  # The length counts its own two bytes.
        if marker == _APP1 and stream.read(len(_EXIF_HEADER)) == _EXIF_HEADER:
            return stream.read(max(0, end - stream.tell()))
        stream.seek(end)


def _find_orientation(tiff: bytes) -> int:
    """The orientation in the first table of a TIFF file."""
    order = _BYTE_ORDERS.get(tiff[:_FIRST_TABLE_POSITION])
    if order is None:
        return UPRIGHT
    (table,) = struct.unpack_from(f"{order}I", tiff, _FIRST_TABLE_POSITION)
    (num_entries,) = struct.unpack_from(f"{order}H", tiff, table)
    first_entry = table + 2
    for number in range(num_entries):
        position = first_entry + number * _ENTRY_BYTES
        tag, kind, _, value = struct.unpack_from(f"{order}HHIH", tiff, position)
        if tag == _ORIENTATION_TAG:
            is_known = kind == _SHORT and value in ORIENTATIONS
            return value if is_known else UPRIGHT
    return UPRIGHT
