"""Calls by Asterisk's REST interface."""
