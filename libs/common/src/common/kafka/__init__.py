"""Kafka as the services use it: one producer, one consumer loop, one view, dead letters."""
