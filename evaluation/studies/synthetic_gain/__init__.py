"""Do drawn faces make a better recogniser of action units? `python -m ldm study synthetic_gain`."""
