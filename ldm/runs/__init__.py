"""A run: its folder, its logs, what is kept."""
