"""Reads a site and refuses what cannot be."""
