"""The client of the broker's MQTT stream: topics, packets, updates, and one connection (docs/broker/stream.md)."""
