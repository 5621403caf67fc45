"""The helpers of the fuzz tests, and those of the server's."""

import sys
from pathlib import Path

sys.path.extend([str(Path(__file__).parent), str(Path(__file__).parents[1] / "server")])
