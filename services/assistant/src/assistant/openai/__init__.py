"""The model: how the Responses API is called, and what its answers mean."""
