"""An emulator of Meta's side of WhatsApp: Graph API, webhooks and a chat page.

create_app and WhatsAppConfig build one; payloads builds webhook bodies without one.
"""

from devkit.emulators.whatsapp.app import create_app
from devkit.emulators.whatsapp.config import Knobs, WhatsAppConfig
from devkit.emulators.whatsapp.identities import Business, Contact

__all__ = ["Business", "Contact", "Knobs", "WhatsAppConfig", "create_app"]
