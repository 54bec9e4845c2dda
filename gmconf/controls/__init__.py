"""The controls: what a level asks of a mail service, with its sources."""

from gmconf.controls.catalogue import CATALOGUE, Control, control, listed

__all__ = ["CATALOGUE", "Control", "control", "listed"]
