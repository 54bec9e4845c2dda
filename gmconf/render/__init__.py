"""Settings to text, with the reason of every line."""
