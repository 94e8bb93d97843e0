"""What a message must say to be taken, one function per rule; imports forms, policy, cda and value
sets.
"""
