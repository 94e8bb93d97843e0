"""The national figures, as rows; imports the root of projections."""
