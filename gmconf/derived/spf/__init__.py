"""SPF (RFC 7208): records made of addresses, and records read by their grammar; lookup.evaluation evaluates them."""

from gmconf.derived.spf.grammar import LOOKUPS, VERSION, VOID, Record, Term, is_spf, parse
from gmconf.derived.spf.writing import LENGTH, policy, split, terms

__all__ = ["LENGTH", "LOOKUPS", "VERSION", "VOID", "Record", "Term", "is_spf", "parse", "policy", "split", "terms"]
