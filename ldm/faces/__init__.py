"""Find, crop and describe faces."""
