"""Pages: where templates come from, and the parts that are put into them."""
