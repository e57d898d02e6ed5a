"""What one process keeps for itself: near copies, single flight, answers held while Redis is away."""
