"""Groups the points of a table and draws them."""
