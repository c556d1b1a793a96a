"""Every stage of one message, from the topics."""
