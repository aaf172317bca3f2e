import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from ofa_tf.data.exif import ORIENTATIONS, UPRIGHT, read_orientation
from tests.support.images import random_image

_ORIENTATION = ExifTags.Base.Orientation
_SHORT, _LONG = 3, 4
_START, _APP0, _APP1, _TABLES = b"\xff\xd8", b"\xff\xe0", b"\xff\xe1", b"\xff\xdb"


def _read(content):
    return read_orientation(io.BytesIO(content))


def _read_by_pillow(content):
    return Image.open(io.BytesIO(content)).getexif().get(_ORIENTATION, UPRIGHT)


def _photo(exif=None):
    stream = io.BytesIO()
    options = {} if exif is None else {"exif": exif}
    Image.fromarray(random_image(0)).save(stream, "JPEG", **options)
    return stream.getvalue()


def _tiff(*entries, order="<", before_table=b""):
    """A TIFF file of one table with these entries `(tag, type, value)`."""
    first = {"<": b"II*\0", ">": b"MM\0*"}[order]
    table = struct.pack(f"{order}H", len(entries))
    for tag, kind, value in entries:
        layout = {_SHORT: "HHIH2x", _LONG: "HHII"}[kind]
        table += struct.pack(order + layout, tag, kind, 1, value)
    return first + struct.pack(f"{order}I", 8 + len(before_table)) + before_table + table + bytes(4)


def _segment(marker, content):
    return marker + struct.pack(">H", len(content) + 2) + content


_GOOD = _tiff((_ORIENTATION, _SHORT, 6))


def _with_segments(*segments):
    """A JPEG that begins with these segments, and not with those that Pillow writes."""
    photo = _photo()
    return _START + b"".join(segments) + photo[photo.index(_TABLES) :]


def _exif_segment(tiff):
    return _segment(_APP1, b"Exif\0\0" + tiff)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_orientations_in_both_orders_of_bytes(orientation, order):
    exif = Image.Exif()
    exif.endian = order
    exif[ExifTags.Base.Make] = "a maker with a name that does not fit into an entry"
    exif[_ORIENTATION] = orientation
    exif[ExifTags.Base.Software] = "a program"
    content = _photo(exif)
    assert {"<": b"II*\0", ">": b"MM\0*"}[order] in content
    assert _read(content) == orientation


@pytest.mark.parametrize(
    "segments",
    [
        [_exif_segment(_GOOD)],
        [_segment(_APP0, b"JFIF\0" + bytes(9)), _exif_segment(_GOOD)],
        [_segment(_APP1, b"http://ns.adobe.com/xap/1.0/\0"), _exif_segment(_GOOD)],
        [_segment(_APP0, bytes(65_533)), _exif_segment(_GOOD)],
        [_exif_segment(_tiff((_ORIENTATION, _SHORT, 6), before_table=bytes(50_000)))],
        [_exif_segment(_tiff((0x0100, _LONG, 7), (0x010F, _SHORT, 3), (_ORIENTATION, _SHORT, 6), order=">"))],
    ],
    ids=["first", "behind JFIF", "behind XMP", "behind 64 KiB", "far into the data", "third tag"],
)
def test_wherever_the_orientation_stands(segments):
    content = _with_segments(*segments)
    assert _read(content) == _read_by_pillow(content) == 6


def test_images_without_one_are_upright():
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "a maker"
    assert _read(_photo(exif)) == _read(_photo()) == UPRIGHT


@pytest.mark.parametrize(
    "tiff",
    [
        _tiff((_ORIENTATION, _SHORT, 0)),
        _tiff((_ORIENTATION, _SHORT, 9)),
        _tiff((_ORIENTATION, _SHORT, 0x0600)),  # 6 in the other order of bytes
        _tiff((_ORIENTATION, _LONG, 6)),
        b"XX*\0" + _GOOD[4:],
        b"",
        _GOOD[:4],
        _GOOD[:9],
        _GOOD[:19],
        _GOOD[:4] + b"\xff\xff\xff\xff" + _GOOD[8:],
        _GOOD[:8] + b"\xff\xff" + _tiff((0x0100, _SHORT, 6))[10:],
    ],
)
def test_damaged_data_count_as_none(tiff):
    assert _read(_with_segments(_exif_segment(tiff))) == UPRIGHT


def test_an_image_that_ends_anywhere_is_read_without_an_error():
    content = _with_segments(_exif_segment(_GOOD))
    found = [_read(content[:length]) for length in range(len(content))]
    assert sorted(set(found)) == [UPRIGHT, 6]
    assert found == sorted(found)


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_bytes_are_read_without_an_error(segments, tiff):
    assert _read(_START + segments) in ORIENTATIONS
    assert _read(_START + _APP1 + segments) in ORIENTATIONS
    assert _read(_START + _exif_segment(b"II*\0\x08\0\0\0" + tiff)) in ORIENTATIONS


def test_nothing_behind_the_first_other_segment_is_read():
    tables = _segment(_TABLES, bytes(65))
    assert _read(_with_segments(tables, _exif_segment(_GOOD))) == UPRIGHT
