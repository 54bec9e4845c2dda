"""The controls: what a level asks of a mail service, with its sources."""

from gmconf.controls.catalogue import CATALOGUE, LEVELS, Control, control, listed

__all__ = ["CATALOGUE", "LEVELS", "Control", "control", "listed"]
