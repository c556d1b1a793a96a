"""Something is killed, stopped or cut while load runs."""
