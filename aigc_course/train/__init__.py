"""How the shipped checkpoints are trained: recipes, families, several machines."""
