"""WhatsApp's formatting as HTML."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import escape

from devkit.emulators.whatsapp.markup import html, plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*a* _b_ ~c~", "<p><strong>a</strong> <em>b</em> <s>c</s></p>"),
        ("*_a_*", "<p><strong><em>a</em></strong></p>"),
        ("2*3*4 a_b_c * a *", "<p>2*3*4 a_b_c * a *</p>"),
        ("*a\nb*", "<p>*a<br>b*</p>"),
        ("```*a*\nb```", "<p><code>*a*\nb</code></p>"),
        ("`x<y`", "<p><code>x&lt;y</code></p>"),
        ("- a\n- *b*", "<ul><li>a</li><li><strong>b</strong></li></ul>"),
        ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("> a\nb", "<blockquote>a</blockquote><p>b</p>"),
        ("a\n\nb", "<p>a<br><br>b</p>"),
        (
            "*mira https://e.com/a_b_c.*",
            '<p><strong>mira <a href="https://e.com/a_b_c" target="_blank" '
            'rel="noopener noreferrer">https://e.com/a_b_c</a>.</strong></p>',
        ),
    ],
)
def test_marks_become_elements(text: str, expected: str) -> None:
    assert str(html(text)) == expected


@given(st.text())
def test_no_text_can_bring_its_own_markup(text: str) -> None:
    attack = f'<img src=x onerror=1>{text}"><script>'
    assert "<img" not in html(attack)
    assert "<script" not in html(attack)


@given(st.text(alphabet="abc áñ🙂<&\"'"))
def test_text_without_marks_is_only_escaped(text: str) -> None:
    assert html(text) == f"<p>{escape(text)}</p>"


def test_a_link_cannot_leave_its_attribute() -> None:
    assert '" onclick' not in html('https://e.com/" onclick="x')
    assert "&#34;" in html('https://e.com/"onclick="x')


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Nuestro *horario*:\n\n- de _9_ a ~14~ 15", "Nuestro horario: - de 9 a 14 15"),
        ("2 * 3 * 4 y snake_case_", "2 * 3 * 4 y snake_case_"),
    ],
)
def test_plain_text_is_one_line_without_marks(text: str, shown: str) -> None:
    assert plain(text) == shown
