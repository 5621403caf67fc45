"""Weights files of others: read without executing anything, checked, and turned into safetensors."""
