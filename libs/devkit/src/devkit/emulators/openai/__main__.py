"""`python -m devkit.emulators.openai`: the emulator until SIGTERM."""

import uvicorn

from common.service.no_words import refuse_words
from common.service.settings import load
from devkit.emulators.openai.app import create_app
from devkit.emulators.openai.settings import OpenAISettings


def main() -> None:
    refuse_words(__doc__)
    settings = load(OpenAISettings)
    uvicorn.run(
        create_app(settings.config()),
        host=settings.listen_host,
        port=settings.openai_emulator_port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="critical",  # an injected cut is an error to uvicorn
        timeout_keep_alive=120,  # longer than clients keep theirs, or they race with the close
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    main()
