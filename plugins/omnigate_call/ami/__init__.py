"""Calls by Asterisk's manager interface."""
