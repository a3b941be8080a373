"""A check-up of the hot store: `asking` finds out, pure functions over what was told make findings with remedies."""
