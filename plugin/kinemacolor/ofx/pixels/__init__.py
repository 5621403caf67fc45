"""A host's picture: its luma for the network, colour back into it, marks drawn on it. No host, no wire, no state."""
