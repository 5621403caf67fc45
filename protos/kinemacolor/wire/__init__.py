"""The meaning of the bytes on the wire, shared by both ends."""
