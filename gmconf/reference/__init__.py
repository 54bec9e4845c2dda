"""The reference pages of docs/reference: made from the code, so that they say what it does."""
