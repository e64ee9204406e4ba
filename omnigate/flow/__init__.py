"""The moving parts: what is taken in, where it goes, when it is tried again."""
