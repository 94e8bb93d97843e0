"""Bodies of CDA documents, a module for each kind; imports plan and elements."""
