"""Whole journeys on the whole system."""
