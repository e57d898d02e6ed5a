"""The second layer: the IIFL client, its simulator, portfolio and risk."""
