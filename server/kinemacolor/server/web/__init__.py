"""The HTTP port: probes, metrics, and a page that shows what the server does. It tells, and changes nothing."""
