"""`kinemacolor serve`: becomes the server. The plugin side never imports it, so the process is replaced."""

import importlib.util
import os
import sys


def main(arguments: list[str]) -> int:
    """Replace this process by `python -m kinemacolor.server`.

    Raises:
        ModuleNotFoundError: The server's extra is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")
    os.execv(sys.executable, [sys.executable, "-m", "kinemacolor.server", *arguments])
