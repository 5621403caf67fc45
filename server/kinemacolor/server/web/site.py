"""What the HTTP port answers: GET and HEAD only, one function a path."""

import json
from importlib import resources

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from kinemacolor.server.config import ServerConfig
from kinemacolor.server.device_worker import DeviceWorker
from kinemacolor.server.hub import ClipHub
from kinemacolor.server.metrics import ServerMetrics
from kinemacolor.server.status import StatusReader
from kinemacolor.server.web.pictures import Pictures
from kinemacolor.server.web.status_json import status_json

__all__ = ["Site"]

_FILES = {"/": "page.html", "/page.css": "page.css", "/page.js": "page.js", "/icon.svg": "icon.svg"}
_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}


class Site:
    """The answers of one server. Lives on the event loop, as the hub does."""

    def __init__(
        self, config: ServerConfig, hub: ClipHub, worker: DeviceWorker, status: StatusReader, metrics: ServerMetrics
    ) -> None:
        self._config, self._hub, self._worker = config, hub, worker
        self._status, self._metrics = status, metrics
        self._pictures = Pictures(hub)
        page = resources.files("kinemacolor.server.web")
        self._files = {path: page.joinpath(name).read_text(encoding="utf-8") for path, name in _FILES.items()}

    def close(self) -> None:
        """Nobody asks any more."""
        self._pictures.close()

    def routes(self) -> list[web.RouteDef]:
        """Path by path; aiohttp adds HEAD, and refuses other methods with 405."""
        return [
            web.get("/healthz", self.health),
            web.get("/readyz", self.readiness),
            web.get("/metrics", self.metrics),
            web.get("/status.json", self.status),
            web.get("/picture/{key}.png", self.picture),
            *(web.get(path, self.file) for path in self._files),
        ]

    async def health(self, _: web.Request) -> web.Response:
        """200 while the device thread does its work; that this is answered at all says that the event loop does."""
        return _probe(None if self._worker.answers_within(self._config.stall_seconds) else "device")

    async def readiness(self, _: web.Request) -> web.Response:
        """200 if a new clip would be taken; else one word why not. The port opens with the default model loaded."""
        if self._hub.draining:
            return _probe("draining")
        return await self.health(_)

    async def metrics(self, _: web.Request) -> web.Response:
        """In the text format of Prometheus."""
        body = generate_latest(self._metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def status(self, _: web.Request) -> web.Response:
        """What the page shows."""
        return web.json_response(status_json(self._status.read()), dumps=_dumps)

    async def picture(self, request: web.Request) -> web.Response:
        """The newest picture of a clip; the number in the address only tells browsers that it is another one."""
        picture = await self._pictures.newest(request.match_info["key"])
        if picture is None:
            raise web.HTTPNotFound
        return web.Response(body=picture.png, content_type="image/png", headers={"X-Frame-Number": str(picture.number)})

    async def file(self, request: web.Request) -> web.Response:
        """The page and what belongs to it."""
        kind = _TYPES[_FILES[request.path].rpartition(".")[2]]
        return web.Response(text=self._files[request.path], content_type=kind, charset="utf-8")


def _dumps(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _probe(trouble: str | None) -> web.Response:
    return web.Response(status=200 if trouble is None else 503, text=f"{trouble or 'ok'}\n")
