"""The commands as a person or a program uses them."""
