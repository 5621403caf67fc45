"""The OpenFX effect: the host's side of it (a shim in C), and the process that the shim talks to."""
