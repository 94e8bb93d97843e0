"""One class for each trap of the domain (docs/domain/traps.md)."""
