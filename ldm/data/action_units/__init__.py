"""Action units: what faces do, by the Facial Action Coding System (Ekman, Friesen and Hager 2002)."""
