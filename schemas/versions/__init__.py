"""Every version of every schema, and the gate between them; imports feed."""
