"""Answers: stores messages, opens turns, asks the model."""
