"""Networks, checkpoints and the registry: tensors in, tensors out; no wire, no files of the host."""
