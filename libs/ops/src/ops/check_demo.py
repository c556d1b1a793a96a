"""Ends with 2 where the demo's stand-ins are started and the services are not in the demo, as
`docker compose --profile demo up` would: `python -m ops.check_demo`."""

import sys

from common.service.no_words import refuse_words
from common.service.settings import FromEnvironment, load

DEMO = "demo"
EVERY_PROFILE = "*"  # https://docs.docker.com/reference/compose-file/profiles/


class DemoSettings(FromEnvironment):
    """profiles: those of COMPOSE_PROFILES; a flag of the command line is not among them."""

    profiles: str = ""

    @property
    def demo(self) -> bool:
        named = {name.strip() for name in self.profiles.split(",")}
        return bool(named & {DEMO, EVERY_PROFILE})


def main() -> None:
    refuse_words(__doc__)
    settings = load(DemoSettings)
    if not settings.demo:
        sys.stderr.write(
            f"COMPOSE_PROFILES={settings.profiles} has no {DEMO}: the services are set up for the"
            " real Meta and OpenAI, and no stand-in starts beside them; set"
            f" COMPOSE_PROFILES={DEMO} in .env instead of --profile\n"
        )
        raise SystemExit(2)


if __name__ == "__main__":
    main()
