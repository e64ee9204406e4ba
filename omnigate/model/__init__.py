"""What is said: addresses, inbound kinds, outbound messages, attachments, events. No I/O."""
