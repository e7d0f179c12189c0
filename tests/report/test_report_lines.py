"""Lines of a file, plain or gzip, whole or damaged."""

from __future__ import annotations

import gzip
import io
import zlib

import pytest

from streams.report import lines


def lines_of(data, longest=1000, block=None):
    with pytest.MonkeyPatch.context() as patch:
        if block is not None:
            patch.setattr(lines, "BLOCK_BYTES", block)
        found = []
        try:
            for some, _ in lines.lines(lines.blocks(io.BytesIO(data)), longest):
                found += some
        except lines.BrokenOffError as error:
            return found, str(error)
        return found, None


@pytest.mark.parametrize("block", [1, 2, 3, 7, 4096])
def test_lines_do_not_depend_on_where_blocks_end(block):
    text = b"one\r\ntwo\n\nthree \xc3\xa9\nfour"
    expected = [b"one", b"two", b"", b"three \xc3\xa9", b"four"]

    if block > 3:
        assert lines_of(text, block=block) == (expected, None)
        assert lines_of(b"\xef\xbb\xbf" + text, block=block) == (expected, None)
    assert lines_of(gzip.compress(text), block=max(block, 2)) == (expected, None)
    joined = gzip.compress(text + b"\n") + gzip.compress(text) + b"\0" * 9
    assert lines_of(joined, block=max(block, 2)) == (expected * 2, None)


def test_of_a_line_that_is_too_long_enough_is_kept_to_say_so():
    found, _ = lines_of(b"x" * 5000 + b"\nshort\n" + b"y" * 5000, longest=100, block=64)

    assert found == [b"x" * 101, b"short", b"y" * 101]


@pytest.mark.parametrize("cut", [1, 8, 9, 40])
def test_a_gzip_that_breaks_off_gives_its_whole_lines_and_says_so(cut):
    text = b"\n".join(b"%d" % (number * 7919 % 10007) for number in range(20_000)) + b"\n"
    found, why = lines_of(gzip.compress(text)[:-cut], block=4096)

    assert why == "the compressed data end early"
    assert found == text.split(b"\n")[: len(found)]
    assert len(found) > 19_000


def test_a_damaged_gzip_is_reported():
    data = bytearray(gzip.compress(b"a line\n" * 1000))
    data[20] ^= 0xFF

    assert lines_of(bytes(data))[1] == "the compressed data are damaged"


def test_of_a_damaged_gzip_what_stands_before_the_damage_is_kept():
    text = b"\n".join(b"%d" % (number * 7919 % 10007) for number in range(20_000)) + b"\n"
    whole = zlib.compressobj(wbits=31)
    data = whole.compress(text) + whole.flush(zlib.Z_FULL_FLUSH)
    # A block of a type that there is not.
    found, why = lines_of(data + b"\x07" + b"rest" * 99)

    assert why == "the compressed data are damaged"
    assert found == text.split(b"\n")[:-1]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_byte_order_mark_is_not_a_part_of_the_first_line(pack):
    assert lines_of(pack(b"\xef\xbb\xbfone\ntwo"))[0] == [b"one", b"two"]
