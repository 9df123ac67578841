"""The models that Lightning trains."""
