"""Delivers replies through the WhatsApp Graph API and follows their statuses."""
