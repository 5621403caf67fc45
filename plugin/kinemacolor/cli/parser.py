"""What the small commands share."""

import argparse
import os

from kinemacolor.client.access import Access, read_access
from kinemacolor.client.address import ServerAddress
from kinemacolor.render.arguments import SERVER_HELP, OneLineParser, access_files, add_access, checked
from kinemacolor.render.options import ServerOptions

_SERVER_VARIABLE, _DEFAULT_SERVER = "KINEMACOLOR_SERVER", "127.0.0.1:7411"


def command_parser(name: str, description: str, *, has_json: bool = True) -> OneLineParser:
    """A parser with --json."""
    parser = OneLineParser(prog=f"kinemacolor {name}", description=description, allow_abbrev=False)
    if has_json:
        parser.add_argument("--json", action="store_true", help="for a machine")
    return parser


def add_running_server(parser: argparse.ArgumentParser) -> None:
    """--server for a command about a server that runs, and how the client shows who it is."""
    parser.add_argument(
        "--server",
        type=checked(ServerAddress.parse),
        default=os.environ.get(_SERVER_VARIABLE) or _DEFAULT_SERVER,
        metavar="ADDRESS",
        help=f"(${_SERVER_VARIABLE}, else {_DEFAULT_SERVER})",
    )
    add_access(parser.add_argument)


def access_of(values: argparse.Namespace) -> Access:
    """The secrets that `add_running_server` names.

    Raises:
        AccessFileError: They cannot be read.
    """
    return read_access(access_files(values))


def add_server(parser: argparse.ArgumentParser) -> None:
    """--server and --device."""
    parser.add_argument("--server", type=checked(ServerAddress.parse), metavar="ADDRESS", help=SERVER_HELP)
    add_access(parser.add_argument)
    parser.add_argument("--device", metavar="auto|cpu|cuda:N", help="of the own server")


def server_options(values: argparse.Namespace) -> ServerOptions:
    """What `add_server` read."""
    return ServerOptions(address=values.server, device=values.device, access=access_files(values))
