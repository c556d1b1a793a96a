"""What a request may use is estimated upwards."""

from assistant.openai.model_call import (
    INLINE_FILE_TOKENS,
    estimated_input,
    largest_usage,
    tokens_in,
)
from assistant.openai.response import Usage


def test_a_request_may_use_its_text_and_its_longest_answer() -> None:
    body = {
        "model": "m",
        "instructions": "abc",
        "input": [{"role": "user", "content": "abcdef"}],
        "max_output_tokens": 800,
        "prompt_cache_key": "not read by the model",
    }
    assert largest_usage(body) == Usage("m", estimated_input(body), output_tokens=800)
    assert estimated_input(body) == 1 + 2 + tokens_in("user")


def test_a_file_in_a_request_counts_whatever_its_size() -> None:
    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{'A' * 10**6}"}
    counted = estimated_input({"input": [{"role": "user", "content": [picture]}]})
    assert INLINE_FILE_TOKENS < counted < INLINE_FILE_TOKENS + 20
