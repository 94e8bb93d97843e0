"""The events that decisions bring, each by its one constructor: nobody else writes datums; imports
the registry's entries and schemas.
"""
