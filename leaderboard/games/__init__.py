"""Games and the keys that open them."""
