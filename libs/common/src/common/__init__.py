"""Contracts and plumbing shared by Conserje's services. Importing it imports no adapter."""
