"""Jobs of an installation: they know all services, and no service imports them."""
