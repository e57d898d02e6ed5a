"""Which instruments the broker's stream is to be subscribed to."""
