"""Live DNS against the contract: asked concurrently with bounded load, compared by meaning."""

from gmconf.dns.live.survey import Survey, survey

__all__ = ["Survey", "survey"]
