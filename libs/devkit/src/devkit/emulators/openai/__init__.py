"""A strict emulator of OpenAI's Responses API and transcriptions.

It refuses what the real API refuses and answers from rules, else from the assistant's own
instructions. `python -m devkit.emulators.openai` runs it; `create_app` is for tests.
"""

from devkit.emulators.openai.app import create_app
from devkit.emulators.openai.config import EmulatorConfig, Match, Rule, ToolCall

__all__ = ["EmulatorConfig", "Match", "Rule", "ToolCall", "create_app"]
