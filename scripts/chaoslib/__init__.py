"""The history checker: clients that record every answer, faults that strike meanwhile, what must hold afterwards."""
