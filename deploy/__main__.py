"""`python -m deploy` is the command `histoire`."""

from .cli import main

main()
