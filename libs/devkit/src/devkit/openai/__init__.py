"""A strict emulator of OpenAI's Responses API and transcriptions.

It refuses what the real API refuses and answers from rules, else from the assistant's own
instructions. `python -m devkit.openai` runs it; `create_app` is for tests.
"""

from devkit.openai.app import create_app
from devkit.openai.config import EmulatorConfig, Match, Rule, ToolCall

__all__ = ["EmulatorConfig", "Match", "Rule", "ToolCall", "create_app"]
