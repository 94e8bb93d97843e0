"""The CDA of a planned document; imports plan and what is below."""
