"""Checkpoints of TensorFlow are read without it; what is cut off, damaged or of another kind is said in one line."""

import base64
import random
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.models.tf_writer import HEADER, entry, field, table, write_checkpoint

from kinemacolor.models.errors import CheckpointError
from kinemacolor.models.files.crc32c import crc32c
from kinemacolor.models.files.load import sha256_of_weights
from kinemacolor.models.files.tf_checkpoint import is_tf_checkpoint, read_variables

# Written by TensorFlow 2.21 (tf.compat.v1.train.Saver): two variables in a scope, one beside it, two without a shape.
INDEX = (
    "000IE0U81b0RR*aRzp%wa$jR_Zgw$WF)w0iVRL132mulV5&{SVC=4~pN~+-w2OW21X=iA3a|i(v5E23i0TKcT0TKcT1QG%W10W12Fg1456Alas9Wp"
    "O>Woc(<baMy+5)cvs2m=xV2m=xV2mulT2mv5GC?qv7QP3d(1r1|wb#8PB2@(JxU?>PRyVsu)00a$lbY*Y|0TKWpXeb0V@799D000000RR9107%vy%"
    ">V!Z00961006-9p|Ah}19Ske0RR9100961006tKOrNy@2*Lpm00000000000000000000000000000000000000000039}fQuw`N81"
)
NUMBERS = (
    "004l$0000#0000$000000000!004kK006)~0000#001CA002Ng003Y=004kL0059b005vr006K*00000004kL0000$002Nh004kM005vs006*1007`"
    "X0000%2LJ#700000002Nh"
)


@pytest.fixture
def made_by_tensorflow(tmp_path: Path) -> Path:
    (tmp_path / "m.ckpt.index").write_bytes(base64.b85decode(INDEX))
    (tmp_path / "m.ckpt.data-00000-of-00001").write_bytes(base64.b85decode(NUMBERS))
    return tmp_path / "m.ckpt"


def is_of_the_network(name: str) -> bool:
    return name.startswith("VCRNr_")


@pytest.mark.parametrize("end", ["", ".index", ".data-00000-of-00001"])
def test_a_file_of_tensorflow_is_read_by_any_of_its_names(made_by_tensorflow: Path, end: str) -> None:
    path = made_by_tensorflow.with_name(made_by_tensorflow.name + end)
    assert is_tf_checkpoint(path)
    found = read_variables(path, is_of_the_network)
    assert found.keys() == {"VCRNr_conv1_1/weights", "VCRNr_conv1_1/biases", "VCRNr_conv1_2/weights"}
    assert torch.equal(found["VCRNr_conv1_1/weights"], (torch.arange(12.0) / 8).view(1, 1, 4, 3))
    assert found["VCRNr_conv1_1/biases"].tolist() == [-1.0, 0.5, 2.0]
    assert found["VCRNr_conv1_2/weights"].shape == (3, 3, 1, 1)
    assert sha256_of_weights(path) == sha256_of_weights(made_by_tensorflow)


def test_a_variable_that_is_no_float_is_named_if_it_is_asked_for(made_by_tensorflow: Path) -> None:
    with pytest.raises(CheckpointError, match="count: expected whole numbers of float32"):
        read_variables(made_by_tensorflow)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    random_numbers = np.random.default_rng(1)
    variables = {
        f"scope/g_conv{n}/weights": random_numbers.normal(size=shape).astype(np.float32)
        for n, shape in enumerate([(3, 3, 40, 60), (60,), (1, 1, 2, 3), (), (0, 4)])
    }
    write_checkpoint(tmp_path / "m.ckpt", variables)
    found = read_variables(tmp_path / "m.ckpt")
    assert found.keys() == variables.keys()
    assert all(np.array_equal(found[name].numpy(), value) for name, value in variables.items())


def read_or_line(path: Path) -> tuple[dict[str, torch.Tensor], str]:
    """The variables, or what is said in their place."""
    try:
        return read_variables(path, is_of_the_network), ""
    except CheckpointError as error:
        return {}, str(error)


def refused(path: Path) -> str:
    """The line that says why, of a file that is not read."""
    with pytest.raises(CheckpointError) as error:
        read_variables(path, is_of_the_network)
    (line,) = str(error.value).splitlines()
    return line


@pytest.mark.parametrize("end", ["index", "data-00000-of-00001"])
def test_a_file_that_is_cut_off_is_refused_wherever_it_ends(made_by_tensorflow: Path, end: str) -> None:
    path = made_by_tensorflow.with_name(f"m.ckpt.{end}")
    whole = path.read_bytes()
    # The last twelve bytes of the numbers are of variables that the network does not have.
    for length in range(len(whole) - (12 if end != "index" else 0)):
        path.write_bytes(whole[:length])
        assert refused(path)


def test_a_flipped_bit_is_noticed_wherever_it_is(made_by_tensorflow: Path) -> None:
    index = made_by_tensorflow.with_name("m.ckpt.index")
    whole = index.read_bytes()
    expected = read_variables(index, is_of_the_network)
    passed_over = 0
    for place in range(len(whole)):
        for bit in range(8):
            data = bytearray(whole)
            data[place] ^= 1 << bit
            index.write_bytes(bytes(data))
            found, said = read_or_line(index)
            assert len(said.splitlines()) == (0 if found else 1)
            if found:
                passed_over += 1  # the footer's padding, and a block that nobody reads
                assert all(torch.equal(found[name], value) for name, value in expected.items())
    assert passed_over < 0.25 * 8 * len(whole)


def test_a_flipped_bit_in_the_numbers_is_noticed(made_by_tensorflow: Path) -> None:
    path = made_by_tensorflow.with_name("m.ckpt.data-00000-of-00001")
    whole = path.read_bytes()
    for place in range(len(whole) - 12):
        data = bytearray(whole)
        data[place] ^= 0x10
        path.write_bytes(bytes(data))
        assert "the file is damaged" in refused(path)


def test_no_bytes_do_anything_but_one_line(tmp_path: Path) -> None:
    """Tables whose checksums are right and whose content is nonsense: lengths, places and messages are checked."""
    chance = random.Random(3)
    plain = entry((2, 3), 0, bytes(24))
    (tmp_path / "m.ckpt.data-00000-of-00001").write_bytes(bytes(24))
    for _ in range(400):
        value = bytearray(plain)
        for _ in range(chance.randint(1, 4)):
            value[chance.randrange(len(value))] = chance.randrange(256)
        header = bytes(HEADER) if chance.random() < 0.5 else chance.randbytes(chance.randint(0, 8))
        (tmp_path / "m.ckpt.index").write_bytes(table([(b"", header), (b"VCRNr_a/weights", bytes(value))]))
        found, said = read_or_line(tmp_path / "m.ckpt")
        assert len(said.splitlines()) == (0 if found else 1)


HUGE = field(1, 1) + field(2, field(2, field(1, 1 << 40))) + field(5, 4)
BEYOND = entry((6,), 1 << 60, bytes(24))


@pytest.mark.parametrize(
    ("items", "kind", "message"),
    [
        ([(b"VCRNr_a/weights", b"")], 0, "found a table without a header"),
        ([(b"", field(1, 2))], 0, "with its numbers in one file, found 2 files"),
        ([(b"", HEADER + field(2, 1))], 0, "found one of a big-endian"),
        ([(b"", HEADER), (b"VCRNr_a/weights", HUGE)], 0, "a side of no plain length"),
        ([(b"", HEADER), (b"VCRNr_a/weights", BEYOND)], 0, "it is cut off"),
        ([(b"", HEADER), (b"VCRNr_a/weights", entry((5,), 0, bytes(24)))], 0, "found a shape (5,)"),
        ([(b"", HEADER), (b"VCRNr_a/weights", entry((6,), 0, bytes(24), dtype=2))], 0, "numbers of float32"),
        ([(b"", HEADER), (b"VCRNr_a/weights", entry((6,), 0, bytes(24), more=field(3, 1)))], 0, "in the one file"),
        ([(b"", HEADER), (b"VCRNr_a/weights", entry((6,), 0, bytes(24), more=field(7, b"")))], 0, "whole numbers"),
        ([(b"", HEADER), (b"VCRNr_a/weights", entry((1,) * 9, 0, bytes(4)))], 0, "a variable of 9 axes"),
        ([(b"", HEADER), (b"\xff\xfe", entry((6,), 0, bytes(24)))], 0, "a name that is no text"),
        ([(b"", HEADER), (b"b", b""), (b"a", b"")], 0, "out of order"),
        ([(b"", HEADER)], 1, "not packed, found packing 1"),
    ],
)
def test_what_is_not_read_is_said(tmp_path: Path, items: list[tuple[bytes, bytes]], kind: int, message: str) -> None:
    (tmp_path / "m.ckpt.index").write_bytes(table(items, kind))
    (tmp_path / "m.ckpt.data-00000-of-00001").write_bytes(bytes(24))
    with pytest.raises(CheckpointError, match=re.escape(message)):
        read_variables(tmp_path / "m.ckpt")


def test_files_beside_it_and_of_the_first_version_are_named(tmp_path: Path, made_by_tensorflow: Path) -> None:
    (tmp_path / "old.ckpt").write_bytes(table([(b"", HEADER)]))
    (tmp_path / "checkpoint").write_text('model_checkpoint_path: "m.ckpt"')
    (tmp_path / "m.ckpt.meta").write_bytes(b"\n\x00")
    for name, message in (
        ("old.ckpt", "found one of the first, which is not read"),
        ("checkpoint", "found the note that names the latest one"),
        ("m.ckpt.meta", "found its graph, which has no numbers"),
    ):
        assert is_tf_checkpoint(tmp_path / name)
        assert message in refused(tmp_path / name)
    made_by_tensorflow.with_name("m.ckpt.data-00000-of-00001").unlink()
    assert "expected m.ckpt.data-00000-of-00001 beside m.ckpt.index, found none" in refused(made_by_tensorflow)


def test_the_checksum_is_that_of_the_standard() -> None:
    """RFC 3720, appendix B.4; and long rows are joined as short ones."""
    assert crc32c(b"") == 0
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E
    data = random.Random(1).randbytes(10_007)
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    assert crc32c(data) == value ^ 0xFFFFFFFF
    assert struct.pack("<I", crc32c(memoryview(data))) == struct.pack("<I", crc32c(data))
