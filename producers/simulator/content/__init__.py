"""The bytes and the metadata of a planned document, whatever its kind; imports cda and plan."""
