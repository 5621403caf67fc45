"""Generated from colorize.proto; the contract is in its comments."""
