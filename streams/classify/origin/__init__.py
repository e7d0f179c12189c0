"""Origin of a model: its developer, the developer's country, and whether its weights are open."""
