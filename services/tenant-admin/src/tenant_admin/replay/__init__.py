"""Looking at a topic's records, and sending raw webhooks and dead letters again."""
