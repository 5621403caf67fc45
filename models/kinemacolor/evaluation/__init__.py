"""Measuring: metrics of colour and of its calm over time, and the command that compares models on the same pictures."""
