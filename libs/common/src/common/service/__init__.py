"""What every service process has: settings, a life, logs, metrics, health."""
