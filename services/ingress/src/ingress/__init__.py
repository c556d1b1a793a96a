"""Takes Meta's webhooks: verifies, stores in Kafka, answers."""
