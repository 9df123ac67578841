"""Is the checkpoint that a run marks as its best worth taking? People learned one by one, scored by another judge."""
