"""What a mail means: what is new in it, who wrote it, what it answers. Pure."""
