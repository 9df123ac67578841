"""Pictures, captions and people as batches."""
