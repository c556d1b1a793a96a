"""Everything that knows Meta: the Graph API, its answers, WhatsApp's payloads and text format."""
