"""rspamd: its modules, rules and maps, and what keeps half a filter from working."""
