"""A headless browser that opens a page as people do, and tells what it asked for and complained about.

It speaks the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/) over a pair of pipes, file
descriptors 3 and 4 of the browser: JSON messages that end in a zero byte.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np

_SECONDS = 90  # to start and to load, on a busy machine
_TEXT = "document.body.innerText"
_FIRST_FREE = 10  # not 3 or 4, which the shell sets
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-pipe",
)


def find_browser() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found is not None, "the page must be seen in a browser: apt-get install chromium"
    return found


class Browser:
    """One page in one browser.

    Args:
        profile: A new folder for the browser's files.
    """

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self._last = 0
        self._events: list[dict[str, Any]] = []
        self._rest = b""
        self._session = ""

    def __enter__(self) -> Self:
        ours_in, theirs_out = (_high(end) for end in os.pipe())
        theirs_in, ours_out = (_high(end) for end in os.pipe())
        command = [find_browser(), *_OPTIONS, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}', *command],
            pass_fds=(theirs_in, theirs_out),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._in, self._out = ours_in, ours_out
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Network", "Runtime", "Log", "Page"):
            self._call(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def open(self, place: Path | str, width: int, height: int, scheme: str = "light") -> None:
        """Load a file or an address at a size of the screen and wait until it has loaded."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self._call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self._events.clear()
        self._call("Page.navigate", url=place if isinstance(place, str) else place.resolve().as_uri())
        self._read_until(lambda message: message.get("method") == "Page.loadEventFired")

    def value(self, expression: str) -> Any:
        """Of a JavaScript expression; a promise is waited for."""
        result = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """Until it is true in the page; returns what it is then."""
        deadline = time.monotonic() + _SECONDS
        while not (value := self.value(expression)):
            assert time.monotonic() < deadline, f"{expression} did not come true: {self.value(_TEXT)!r}"
            time.sleep(0.05)
        return value

    def send_header(self, name: str, value: str) -> None:
        """With every request from now on."""
        self._call("Network.setExtraHTTPHeaders", headers={name: value})

    def screenshot(self) -> np.ndarray:
        """(H, W, 3) of what the screen shows."""
        data = base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"])
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)

    @property
    def requests(self) -> list[str]:
        """Addresses that the page asked for, without those inside it."""
        asked = [event["params"]["request"]["url"] for event in self._named("Network.requestWillBeSent")]
        return [address for address in asked if not address.startswith("data:")]

    @property
    def complaints(self) -> list[dict[str, Any]]:
        """Errors and warnings of the console, and of the browser itself: policy, decoding, addresses."""
        said = [event for event in self._named("Runtime.consoleAPICalled") if event["params"]["type"] != "log"]
        return said + self._named("Runtime.exceptionThrown") + self._named("Log.entryAdded")

    def _named(self, method: str) -> list[dict[str, Any]]:
        return [event for event in self._events if event.get("method") == method]

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        number, message = self._last, {"id": self._last, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        answer = self._read_until(lambda found: found.get("id") == number)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def _read_until(self, is_it: Any) -> dict[str, Any]:
        deadline = time.monotonic() + _SECONDS
        while True:
            while b"\0" in self._rest:
                text, _, self._rest = self._rest.partition(b"\0")
                message = json.loads(text)
                self._events.append(message)
                if is_it(message):
                    return message
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(self._in, 1 << 20) if ready else b""
            assert data, f"the browser did not answer (exit status {self._process.poll()})"
            self._rest += data


def _high(end: int) -> int:
    """The descriptor under a number that the shell does not use."""
    moved = fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE)
    os.close(end)
    return moved
