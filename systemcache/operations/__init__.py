"""What operators need: health, warming, and a view of the keys."""
