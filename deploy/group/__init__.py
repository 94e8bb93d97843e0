"""`histoire run`: the processes of an installation as one supervised group; imports everything."""
