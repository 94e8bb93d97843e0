"""Versions of a projection beside each other: built again, compared, switched; imports the
projections.
"""
