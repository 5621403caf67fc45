"""Colour science in numpy: encodings, transfer functions, CIELAB, the solve at constant Y'. A leaf: knows nobody."""
