"""The pages of docs/examples, done on a copy of the tree."""
