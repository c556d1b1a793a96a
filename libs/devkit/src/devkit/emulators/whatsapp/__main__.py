"""`python -m devkit.emulators.whatsapp`: the emulator."""

import uvicorn

from common.service.logging import configure
from common.service.no_words import refuse_words
from common.service.settings import load
from devkit.emulators.whatsapp.app import create_app
from devkit.emulators.whatsapp.settings import WhatsAppSettings


def main() -> None:
    refuse_words(__doc__)
    settings = load(WhatsAppSettings)
    configure("whatsapp", "warning", settings.log_format)
    uvicorn.run(
        create_app(settings.config()),
        host=settings.listen_host,
        port=settings.whatsapp_emulator_port,
        access_log=False,
        log_config=None,
        timeout_keep_alive=75,  # longer than clients keep theirs, or they meet a closed one
        timeout_graceful_shutdown=1,  # open event streams never end by themselves
    )


if __name__ == "__main__":
    main()
