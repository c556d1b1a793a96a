"""Delivers replies through the WhatsApp Graph API and tracks their statuses."""
