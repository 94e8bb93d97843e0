"""Forms of identifiers, times, texts and traits, read and compared; imports the shapes of feed."""
