"""What each program on the hosts is: its name, its work, its ports and files. One declaration for each."""

from gmconf.daemons.catalogue import SERVICES, listening
from gmconf.daemons.service import Duty, Port, Reach, Service

__all__ = ["SERVICES", "Duty", "Port", "Reach", "Service", "listening"]
