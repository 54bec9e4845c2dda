"""Keys, passwords and vaults: files beside the site, never part of rendering."""
