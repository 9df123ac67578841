"""Do faces do what they are asked to? Measured: `evaluate au`, `study action_units`."""
