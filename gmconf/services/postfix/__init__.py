"""Postfix: main.cf and master.cf, its tables, and the flush of its queue."""
