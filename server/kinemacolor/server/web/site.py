"""What the HTTP port answers: GET and HEAD only, one function a path."""

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from kinemacolor.server.config import ServerConfig
from kinemacolor.server.device_worker import DeviceWorker
from kinemacolor.server.hub import ClipHub
from kinemacolor.server.metrics import ServerMetrics
from kinemacolor.server.status import StatusReader

__all__ = ["Site"]


class Site:
    """The answers of one server. Lives on the event loop, as the hub does."""

    def __init__(
        self, config: ServerConfig, hub: ClipHub, worker: DeviceWorker, status: StatusReader, metrics: ServerMetrics
    ) -> None:
        self._config, self._hub, self._worker = config, hub, worker
        self._status, self._metrics = status, metrics

    def routes(self) -> list[web.RouteDef]:
        """Path by path; aiohttp adds HEAD, and refuses other methods with 405."""
        return [
            web.get("/healthz", self.health),
            web.get("/readyz", self.readiness),
            web.get("/metrics", self.metrics),
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


def _probe(trouble: str | None) -> web.Response:
    return web.Response(status=200 if trouble is None else 503, text=f"{trouble or 'ok'}\n")
