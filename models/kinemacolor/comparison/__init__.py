"""Comparing: frame networks with temporal networks, on the same clips: videos, figures, plots, a page."""
