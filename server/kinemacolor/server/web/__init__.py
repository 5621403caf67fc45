"""The HTTP port: probes, metrics, and a page that shows what the server does. It tells, and changes nothing."""

from kinemacolor.server.web.guard import Guard
from kinemacolor.server.web.port import bind, listening
from kinemacolor.server.web.site import Site

__all__ = ["Guard", "Site", "bind", "listening"]
