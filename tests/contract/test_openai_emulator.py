"""llm-comply, an independent judge, finds the emulator to be an Open Responses server."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.loopback import serve

from devkit.openai import EmulatorConfig, create_app

LLM_COMPLY = Path(sys.executable).with_name("llm-comply")


def test_the_emulator_passes_llm_comply() -> None:
    """House rules off: the judge sends neither store nor instructions."""
    with serve(create_app(EmulatorConfig(house_rules=False))) as url:
        arguments = ["run", "-u", f"{url}/v1", "-k", "key", "-m", "gpt-5-mini", "--json"]
        run = subprocess.run([LLM_COMPLY, *arguments], capture_output=True, text=True, timeout=60)
    report = json.loads(run.stdout)
    assert run.returncode == 0, report
    assert report["summary"]["passed"] == 13, report
    assert report["summary"]["failed"] == 0
