"""Regenerate kinemacolor/v1 from colorize.proto: `python protos/generate.py [OUT]`.

Generate with the grpcio-tools that the `dev` extra pins, the oldest we support: generated code refuses to run with an
older protobuf or grpcio than it was made with.
"""

import sys
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).resolve().parent
SOURCE = "kinemacolor/v1/colorize.proto"


def generate(out: Path) -> None:
    """Write colorize_pb2.py, .pyi and colorize_pb2_grpc.py below `out`.

    Raises:
        RuntimeError: protoc refused the file; its reason is on stderr.
    """
    well_known = str(resources.files("grpc_tools") / "_proto")
    arguments = ["protoc", f"-I{PROTOS}", f"-I{well_known}"]
    arguments += [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]
    status = protoc.main([*arguments, SOURCE])
    if status:
        raise RuntimeError(f"protoc ended with {status}")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else PROTOS)
