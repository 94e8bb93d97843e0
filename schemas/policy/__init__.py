"""Who may do what, and who may see what: pure functions over tables; imports feed, events and value
sets.
"""
