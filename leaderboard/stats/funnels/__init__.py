"""Funnels: how far players come through events in an order."""
