"""The commands about projections; imports every room of projections."""
