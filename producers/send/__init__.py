"""`histoire send`: CDA files onto the feed; imports cda, publish and outcomes."""
