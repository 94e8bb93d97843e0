"""Simulated patients, professionals and organisations; imports tables."""
