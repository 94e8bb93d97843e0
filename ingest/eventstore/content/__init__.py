"""The bytes of documents, sealed, in a folder or an object store; imports keys."""
