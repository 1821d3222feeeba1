"""How many clients are connected, by front; one gauge that all fronts of a process share."""

from prometheus_client import Gauge

CONNECTIONS = Gauge("statflow_connections", "Open client connections.", ["front"])
