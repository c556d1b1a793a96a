"""What `manage_clients.py doctor` looks at: facts are gathered at the edge and assessed purely."""
