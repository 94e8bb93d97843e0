"""Builds of a projection side by side: built again, compared, switched, erased records removed;
imports the projections.
"""
