"""Every rule of ingestion on one message, also after the first that is broken; imports schemas."""
