"""DNS as a contract of the site: every record that must, should or must not be there, and its spellings."""

from gmconf.dns.contract import Contract, contract, records

__all__ = ["Contract", "contract", "records"]
