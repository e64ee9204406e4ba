"""Everything durable: the tables, the single writer, and one module per job that uses them."""
