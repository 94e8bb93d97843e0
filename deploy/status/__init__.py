"""`histoire status`: how the system is at one moment; imports everything."""
