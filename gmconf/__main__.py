"""python -m gmconf."""

from gmconf.cli import main

main()
