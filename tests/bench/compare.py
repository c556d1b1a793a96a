"""`python -m tests.bench.compare DIR [DIR...]`: checkouts measured by turns on one machine.

Each DIR is a checkout with its own .venv (`make .venv/ready`). One JSON document on stdout,
progress on stderr.
"""

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from statistics import mean
from typing import Annotated, Any

import orjson
import typer
from tests.bench.checkout import running_checkout
from tests.bench.trickle import idle, measure, warm_up

from devkit.check_result import show_progress


def main(
    checkouts: list[Path],
    rates: str = "20,50",
    seconds: float = 30.0,
    rounds: Annotated[int, typer.Option(min=1)] = 2,
) -> None:
    """Rates in messages a second; each is sent for so many seconds in each round."""
    numbers = [float(rate) for rate in rates.split(",")]
    result = asyncio.run(compare(checkouts, numbers, seconds, rounds))
    print(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())


async def compare(
    checkouts: Sequence[Path], rates: Sequence[float], seconds: float, rounds: int
) -> dict[str, Any]:
    """By turns, since a machine's hours differ more than checkouts do."""
    results: dict[Path, list[dict[str, Any]]] = {checkout: [] for checkout in checkouts}
    for number in range(1, rounds + 1):
        for checkout in checkouts:
            show_progress(f"round {number}: {checkout}")
            results[checkout].append(await measure_checkout(checkout, rates, seconds))
    return {
        "cores": os.cpu_count(),
        "checkouts": {
            str(checkout): {"commit": commit_of(checkout), "mean": mean_of(made), "rounds": made}
            for checkout, made in results.items()
        },
    }


async def measure_checkout(
    checkout: Path, rates: Sequence[float], seconds: float
) -> dict[str, Any]:
    async with running_checkout(checkout) as target:
        await warm_up(target.installation)
        made = {"idle": await idle(target)}
        for rate in rates:
            made[f"{rate:g}_per_second"] = await measure(target, rate, seconds)
    return made


def mean_of(values: Sequence[Any]) -> Any:
    """Number by number; of yes and no, whether all are yes."""
    first = values[0]
    if is_dataclass(first) and not isinstance(first, type):
        return mean_of([asdict(value) for value in values])
    if isinstance(first, Mapping):
        return {name: mean_of([value[name] for value in values]) for name in first}
    return all(values) if isinstance(first, bool) else round(mean(values), 2)


def commit_of(checkout: Path) -> str:
    command = ["git", "-C", str(checkout), "log", "-1", "--format=%h %s"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    typer.run(main)
