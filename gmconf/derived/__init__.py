"""What follows from site.yml alone, worked out once."""
