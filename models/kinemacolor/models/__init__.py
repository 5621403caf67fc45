"""Networks, colour science, temporal memory and weights: torch only, no network and no server code.

from kinemacolor.models import colorize_image, load_network
network = load_network("siggraph17", Path("siggraph17-df00044c.pth"))
colour = colorize_image(network, grey)          # (H, W, 3) uint8, as the authors' demonstration
"""

from kinemacolor.models.colorize import colorize_image
from kinemacolor.models.files.load import load_network
from kinemacolor.models.zhang_picture import Hint

__all__ = ["Hint", "colorize_image", "load_network"]
