"""The command line: `kinemacolor SUBCOMMAND`."""
