"""The contract: generated code is what the .proto says, reasons and codes agree, both ends read each other."""

import importlib.util
from pathlib import Path

import grpc
import pytest

from kinemacolor.colour.encoding import Transfer
from kinemacolor.v1 import colorize_pb2 as pb
from kinemacolor.wire.errors import WireError, reason_from_metadata, status_code
from kinemacolor.wire.reasons import ErrorReason

PROTOS = Path(__file__).resolve().parents[2] / "protos"


def test_committed_code_is_what_the_proto_generates(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("generate", PROTOS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.generate(tmp_path)
    made = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*.py*"))
    assert len(made) == 3
    for path in made:
        assert (tmp_path / path).read_text() == (PROTOS / path).read_text(), f"run protos/generate.py: {path}"


def test_reasons_are_those_of_the_proto() -> None:
    ours = {f"ERROR_REASON_{reason.name}": reason.value for reason in ErrorReason}
    assert ours == {name: number for name, number in pb.ErrorReason.items() if number}


def test_transfers_are_those_of_the_proto() -> None:
    ours = {f"TRANSFER_{transfer.name}": transfer.value for transfer in Transfer}
    assert ours == {name: number for name, number in pb.Transfer.items() if number}


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (ErrorReason.PLANE_SIZE, grpc.StatusCode.INVALID_ARGUMENT),
        (ErrorReason.OUT_OF_ORDER, grpc.StatusCode.FAILED_PRECONDITION),
        (ErrorReason.UNKNOWN_MODEL, grpc.StatusCode.NOT_FOUND),
        (ErrorReason.WINDOW_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (ErrorReason.DRAINING, grpc.StatusCode.UNAVAILABLE),
        (ErrorReason.SUPERSEDED, grpc.StatusCode.ABORTED),
        (ErrorReason.INTERNAL, grpc.StatusCode.INTERNAL),
    ],
)
def test_codes_follow_the_table_of_the_proto(reason: ErrorReason, code: grpc.StatusCode) -> None:
    assert status_code(reason) is code


def test_every_reason_has_a_code() -> None:
    assert all(status_code(reason) for reason in ErrorReason)


def test_a_reason_survives_the_trailing_metadata() -> None:
    error = WireError(ErrorReason.OUT_OF_ORDER, "text", expected=7)
    assert reason_from_metadata(error.trailing_metadata()) is ErrorReason.OUT_OF_ORDER
    assert dict(error.trailing_metadata())["kinemacolor-expected"] == "7"


def test_an_unknown_reason_of_a_newer_server_is_none() -> None:
    assert reason_from_metadata((("kinemacolor-reason", "FROM_THE_FUTURE"),)) is None
