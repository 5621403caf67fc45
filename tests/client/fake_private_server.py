"""Behaves like `python -m kinemacolor.server` at start and stop, in the way its first argument names."""

import json
import signal
import sys
import time


def main() -> None:
    behaviour, arguments = sys.argv[1], sys.argv[2:]
    address = arguments[arguments.index("--listen") + 1]
    if behaviour == "refuse":
        sys.exit("no model named 'nope'; there are: tiny, kinema")
    if behaviour == "silent":
        sys.stdin.read()
        return
    if behaviour == "babble":
        sys.stdout.write("hello\n")
    else:
        sys.stdout.write(json.dumps({"event": "ready", "address": address}) + "\n")
    sys.stdout.flush()
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    sys.stdin.read()


main()
