"""The command line and the processes of an installation; imports everything."""
