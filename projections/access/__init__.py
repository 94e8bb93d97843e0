"""Who may read a person's documents and who did, as rows; imports the root of projections."""
