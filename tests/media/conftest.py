"""Makes the helpers beside the tests importable (`import make`): pytest's importlib mode leaves them off the path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
