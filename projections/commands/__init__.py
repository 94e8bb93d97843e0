"""The commands of projections; imports every room of projections."""
