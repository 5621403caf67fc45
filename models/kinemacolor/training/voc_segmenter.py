"""Labels for photos that have none: a small DeepLabv3 that knows the 21 classes of PASCAL VOC (Chen et al. 2017).

A teacher, not the truth: its errors are learned, too. The file is the 8-bit one of google-coral/test_data, run as it is
by LiteRT, which is the extra `labels`; training on labels that are there already does without it.
"""

from pathlib import Path

import cv2
import numpy as np

from kinemacolor.training.data import check_file
from kinemacolor.training.errors import RecipeError
from kinemacolor.training.labelled import Labels
from kinemacolor.training.photos import Picture

__all__ = ["SEGMENTER_FILE", "SEGMENTER_ORIGIN", "SEGMENTER_SHA256", "VocSegmenter", "inset"]

SEGMENTER_FILE = "weights/deeplabv3_mnv2_pascal_quant.tflite"
"""Below the data folder."""
SEGMENTER_SHA256 = "350af47fd346ea6d74b58833a351f583ba860e9806ec5bd292ff8d8f1f249398"
SEGMENTER_ORIGIN = "deeplabv3_mnv2_pascal_quant.tflite of google-coral/test_data (Apache-2.0; classes of PASCAL VOC)"
"""Where it came from, for cards."""
_SIDE_PX = 513
_GREY = 128  # the network's zero


class VocSegmenter:
    """The teacher.

    Args:
        path: Its file.
        threads: Threads that it runs on.

    Raises:
        RecipeError: The file is missing or another, or LiteRT is not installed.
    """

    def __init__(self, path: Path, threads: int = 1) -> None:
        check_file(path, SEGMENTER_SHA256)
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise RecipeError("labels are made with LiteRT: pip install 'kinemacolor[labels]'") from error
        self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, picture: Picture) -> Labels:
        """The class of each pixel of (H, W, 3) R'G'B', (H, W) uint8 from 0 to 20."""
        square, height, width = inset(picture, _SIDE_PX)
        self._interpreter.set_tensor(self._input, square[None])
        self._interpreter.invoke()
        found = self._interpreter.get_tensor(self._output)[0, :height, :width].astype(np.uint8)
        size = (picture.shape[1], picture.shape[0])
        return np.asarray(cv2.resize(found, size, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def inset(picture: Picture, side_px: int) -> tuple[Picture, int, int]:
    """A picture in a square, its longer side as long as the square's, grey below or beside it.

    Returns:
        (side, side, 3), and height and width of the picture in it, in pixels.
    """
    scale = side_px / max(picture.shape[:2])
    height, width = (max(1, min(side_px, round(side * scale))) for side in picture.shape[:2])
    square = np.full((side_px, side_px, 3), _GREY, np.uint8)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    square[:height, :width] = cv2.resize(picture, (width, height), interpolation=method)
    return square, height, width
