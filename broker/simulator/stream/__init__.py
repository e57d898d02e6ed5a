"""The simulator's live stream: MQTT 3.1.1, from the same account and prices as its REST side."""
