"""The second floor: the IIFL client, its simulator, portfolio and risk."""
