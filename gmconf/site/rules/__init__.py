"""What must hold between fields of a site: each rule is a function that yields (path, sentence)."""
