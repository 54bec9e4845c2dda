"""The folder build/, and questions about it."""
