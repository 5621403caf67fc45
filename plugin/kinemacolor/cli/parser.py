"""What the small commands share."""

import argparse

from kinemacolor.client.address import ServerAddress
from kinemacolor.render.arguments import SERVER_HELP, OneLineParser, access_files, add_access, checked
from kinemacolor.render.options import ServerOptions


def command_parser(name: str, description: str) -> OneLineParser:
    """A parser with --json."""
    parser = OneLineParser(prog=f"kinemacolor {name}", description=description, allow_abbrev=False)
    parser.add_argument("--json", action="store_true", help="for a machine")
    return parser


def add_server(parser: argparse.ArgumentParser) -> None:
    """--server and --device."""
    parser.add_argument("--server", type=checked(ServerAddress.parse), metavar="ADDRESS", help=SERVER_HELP)
    add_access(parser.add_argument)
    parser.add_argument("--device", metavar="auto|cpu|cuda:N", help="of the own server")


def server_options(values: argparse.Namespace) -> ServerOptions:
    """What `add_server` read."""
    return ServerOptions(address=values.server, device=values.device, access=access_files(values))
