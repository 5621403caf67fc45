"""HTTP as scrapers and probes speak it, to a server that a test has started."""

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def http_address(server: Any) -> str:
    """Where a server said that it answers HTTP."""
    [line] = [line for line in server.log.splitlines() if " ready " in line]
    return str(line.partition(" http=")[2])


def ask(
    address: str,
    path: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    context: ssl.SSLContext | None = None,
) -> Answer:
    if context is None:
        connection = http.client.HTTPConnection(address, timeout=60)
    else:
        connection = http.client.HTTPSConnection(address, timeout=60, context=context)
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()


Samples = dict[tuple[str, tuple[str, ...]], float]


def samples(text: str) -> Samples:
    """By name and the values of the labels, as Prometheus's own parser reads them."""
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
