"""How charts are drawn: the axis, the plot, the numbers. Pages use `web/charts.py` only."""
