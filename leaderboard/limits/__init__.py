"""How often one may ask: three kinds of limits, in the store for all workers, and in the process when it is away."""
