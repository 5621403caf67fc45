"""`kinemacolor plugin install|uninstall|check`."""

import argparse
from collections.abc import Callable
from pathlib import Path

from kinemacolor.ofx.build import BuildError
from kinemacolor.ofx.bundle import BUNDLE_NAME
from kinemacolor.ofx.install.checking import check_bundle
from kinemacolor.ofx.install.folders import SEARCH_VARIABLE, installed_bundles, is_searched, system_folder, user_folder
from kinemacolor.ofx.install.putting import install, uninstall
from kinemacolor.render import console
from kinemacolor.render.arguments import OneLineParser
from kinemacolor.render.errors import RenderError

_EPILOG = """Without --dir and --user the system's folder is meant, which every host searches and only an administrator
may write. Hosts find others through $OFX_PLUGIN_PATH. `check` renders one frame as a host would; exit code 0 if all
is well."""


def main(arguments: list[str]) -> int:
    """Do what the first word says.

    Raises:
        UsageError: The arguments make no sense.
        RenderError: It cannot be done.
    """
    values = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = values.run
    try:
        return run(values)
    except BuildError as error:
        raise RenderError(str(error)) from error


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog="kinemacolor plugin", description="The OpenFX effect on this machine.", epilog=_EPILOG, allow_abbrev=False
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    for name, run, summary in (
        ("install", _install, "put the effect where hosts look"),
        ("uninstall", _uninstall, "take it away"),
        ("check", _check, "load it and render one frame"),
    ):
        added = actions.add_parser(name, help=summary, description=f"{summary}.", allow_abbrev=False)
        added.set_defaults(run=run)
        where = added.add_mutually_exclusive_group()
        where.add_argument("--dir", type=Path, metavar="FOLDER", help="this folder")
        where.add_argument("--user", action="store_true", help=f"{user_folder()}")
        if name == "check":
            added.add_argument("--server", default="", metavar="ADDRESS", help="who colours the frame")
    return parser


def _folder(values: argparse.Namespace) -> Path:
    chosen: Path | None = values.dir
    return chosen if chosen is not None else user_folder() if values.user else system_folder()


def _install(values: argparse.Namespace) -> int:
    folder = _folder(values)
    console.put(f"installed: {install(folder)}")
    if not is_searched(folder):
        console.say(f"hosts look there if you set {SEARCH_VARIABLE}={folder.absolute()}")
    return 0


def _uninstall(values: argparse.Namespace) -> int:
    folder = _folder(values)
    if not uninstall(folder):
        raise RenderError(f"{folder}: the effect is not installed there")
    console.put(f"removed: {folder / BUNDLE_NAME}")
    return 0


def _check(values: argparse.Namespace) -> int:
    is_named = values.dir is not None or values.user
    bundles = [_folder(values) / BUNDLE_NAME] if is_named else installed_bundles()
    if not bundles or not bundles[0].is_dir():
        raise RenderError("the effect is not installed where hosts look; kinemacolor plugin install")
    for other in bundles[1:]:
        console.say(f"also installed, and not what hosts take first: {other}")
    for finding in check_bundle(bundles[0], values.server):
        if not finding.is_good:
            raise RenderError(finding.text)
        console.put(f"ok: {finding.text}")
    return 0
