"""Studies: scripts that measure, print what they found and write it down."""
