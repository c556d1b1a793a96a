"""What knows Meta: the Graph API, its answers, WhatsApp's payloads, text and limits of length."""
