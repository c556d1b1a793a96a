"""`manage_clients.py rings`: the keys that seal the clients' own secrets.

For who has the file with all private keys; the service has only what it seals with.
"""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from common.key_ring_file import parse_rings, read_rings
from common.key_rings import KeyRings
from common.private_file import previous_of, replace_file
from common.service.settings import FromEnvironment, load
from tenant_admin.cli.session import open_session
from tenant_admin.core import client_secrets, ring_changes
from tenant_admin.core.problems import refuse

app = typer.Typer(
    help="The keys that seal clients' own secrets, in the file KEY_RING_FILE.",
    no_args_is_help=True,
)
STDIN = "-"
Ring = Annotated[
    str | None,
    typer.Option("--ring", metavar="-", help="From stdin, and back to stdout if they change"),
]


class RingSettings(FromEnvironment):
    key_ring_file: Path | None = None


class RingPlace:
    """Where the rings are: a file, or stdin and stdout, so that words to people go to stderr."""

    def __init__(self, option: str | None) -> None:
        if option not in (None, STDIN):
            refuse(422, "--ring", "is not -", "set KEY_RING_FILE to read a file")
        self._piped = option == STDIN
        self._path = load(RingSettings).key_ring_file

    def read(self) -> KeyRings:
        try:
            return parse_rings(sys.stdin.read(), "stdin") if self._piped else read_rings(self.path)
        except ValueError as error:
            refuse(422, "key rings", str(error), "take the file that has every private key")

    def write(self, rings: KeyRings) -> None:
        if self._piped:
            sys.stdout.write(f"{rings.text()}\n")
            return
        replace_file(self.path, rings.text(), 0o600, keep_previous=True)
        tell(f"Written: {self.path}; as it was before: {previous_of(self.path)}")

    @property
    def path(self) -> Path:
        if self._path is None:
            refuse(422, "KEY_RING_FILE", "is not set", "set it, or pipe the rings with --ring -")
        return self._path


@app.command()
def new(ring: Ring = None) -> None:
    """Make the rings of a new installation."""
    place = RingPlace(ring)
    if ring is None and place.path.exists():
        refuse(422, "KEY_RING_FILE", f"{place.path} is there already", "`rings rotate` adds keys")
    place.write(KeyRings.fresh())


@app.command()
def show(ring: Ring = None) -> None:
    """The names of the keys; never the keys."""
    for field, found in RingPlace(ring).read().given().items():
        for kid in found.keys:
            words = (field, kid, found.kind(kid), "active" if kid == found.active else "")
            typer.echo(" ".join(words).rstrip())


@app.command()
def rotate(
    ring: Ring = None,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Do not seal with the new keys yet")
    ] = False,
) -> None:
    """Seal with new keys from now on; the old ones still open. It turns symmetric keys of before
    into pairs, of which tenant-admin gets only what seals."""
    place = RingPlace(ring)
    place.write(ring_changes.rotated(place.read(), prepare))
    then = "`rings rotate`" if prepare else "`rings rewrap`"
    tell(f"Give every service its new file and let it start again; then {then}.")


@app.command()
def rewrap(ring: Ring = None) -> None:
    """Put every stored secret under the active keys. Repeat until it says 0."""
    rings, count, message = RingPlace(ring).read(), 0, ""
    with open_session() as session:
        while (result := session.apply(partial(client_secrets.rewrap_some, rings=rings))).value:
            count, message = count + result.value, result.message
    tell(f"Clients re-wrapped: {count}. {message}".rstrip())


@app.command()
def retire(key: Annotated[str, typer.Argument(metavar="KEY")], ring: Ring = None) -> None:
    """Take a key out that seals nothing any more."""
    place = RingPlace(ring)
    with open_session() as session:
        uses = session.read(client_secrets.key_uses)
    place.write(ring_changes.without(place.read(), key, uses))


def tell(words: str) -> None:
    typer.echo(words, err=True)
