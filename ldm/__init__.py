"""Put a person into a text-to-image diffusion model."""
