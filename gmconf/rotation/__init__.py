"""Changing keys: what comes next, whether DNS is ready for it, and doing it. The only code of keys that looks at the
clock."""
