"""The supernet, its subnets and what is done to their weights."""
