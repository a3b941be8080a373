"""The check-up of the whole service: its store, its database, and whether the work of the schedulers is done."""
