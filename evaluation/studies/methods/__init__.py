"""Ways to put a person into a model, learned from the same photos and looked at with the same eyes."""
