"""Where a model comes from: who developed it, in which country, and whether its weights are out."""
