"""The networks, each in one module, each our own code from its paper."""
