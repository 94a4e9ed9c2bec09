"""A prompt of one's own is tried before an answer is put into it."""

from pathlib import Path

import pytest

from service.catalog import PROMPTS, read_prompts
from service.core.errors import BadFile
from service.judges.own_prompt import read_own_prompt

SHORT = """\
## system
Check an answer. Per id: at, as (f only), why, level.

## user
{{ question | safe_text }}
{% for c in criteria %}
{{ c.id }}: {{ c.text | safe_text if c.text is defined else "a part of the story" }}
{% endfor %}
<answer-{{ mark }}>
{% for s in sentences %}
{{ s.number }}: {{ s.text | safe_text }}
{% endfor %}
</answer-{{ mark }}>
"""


def written(folder: Path, text: str, name: str = "stricter.md") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_it_is_known_by_its_name_and_text(tmp_path: Path) -> None:
    first = read_own_prompt(written(tmp_path, SHORT))
    second = read_own_prompt(written(tmp_path, SHORT.replace("Check", "Look at")))
    assert (first.name, second.name) == ("stricter", "stricter")
    assert first.label.startswith("stricter@")
    assert first.digest != second.digest
    assert first.render("system").startswith("Check an answer.")


def test_the_one_that_ships_would_do(tmp_path: Path) -> None:
    shipped = (PROMPTS / "grade-v1.md").read_text(encoding="utf-8")
    assert read_own_prompt(PROMPTS / "grade-v1.md") == read_prompts()["grade-v1"]
    assert read_own_prompt(written(tmp_path, shipped)).render("system") == read_prompts()["grade-v1"].render("system")


def test_it_may_include_those_that_ship(tmp_path: Path) -> None:
    own = read_own_prompt(written(tmp_path, SHORT.replace("Check", "{% include 'empty-v1' %}\nCheck")))
    assert own.digest != read_own_prompt(written(tmp_path, SHORT)).digest


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("## system\n", "", "has no section `## system`"),
        ("## user\n", "", "has no section `## user`"),
        ("{{ question | safe_text }}", "{{ questions }}", "cannot be filled in: 'questions' is undefined"),
        ("{{ question | safe_text }}", "{{ mark }}", "cannot be filled in: 'mark' is undefined"),
        ("{{ question | safe_text }}", "{{ question }}", "put each text through safe_text"),
        ("{{ s.text | safe_text }}", "{{ s.text }}", "put each text through safe_text"),
        ("{{ c.id }}: ", "", "it leaves out cause-1, fault-commission"),
        ("<answer-{{ mark }}>\n{%", "<answer>\n{%", "between <answer-{{ mark }}> and"),
        ("</answer-{{ mark }}>", "", "between <answer-{{ mark }}> and </answer-{{ mark }}>"),
        ("{{ s.number }}: ", "", "each with its number"),
        ("{% endfor %}\n<answer", "<answer", "stricter.md:"),
        ("Check", "{{ 7 | sum }}", "cannot be filled in"),
    ],
)
def test_what_would_not_ask_what_it_has_to_is_refused(tmp_path: Path, before: str, after: str, complaint: str) -> None:
    assert before in SHORT
    with pytest.raises(BadFile) as refused:
        read_own_prompt(written(tmp_path, SHORT.replace(before, after, 1)))
    assert complaint in str(refused.value)
    assert "stricter.md" in str(refused.value)


def test_a_name_that_ships_is_taken(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="bears the name of a prompt that ships, grade-v1; give it another"):
        read_own_prompt(written(tmp_path, SHORT, "grade-v1.md"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"none\.md: cannot be read"):
        read_own_prompt(tmp_path / "none.md")
