"""Templates of conversations: as transformers renders them, and hostile ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgekd.errors import BadInput
from edgekd.language.decoding.chat_template import ChatTemplate, Message, read_chat_template
from tests.language.decoding.small_artifacts import small_tokenizer

TALK: list[Message] = [
    {"role": "user", "content": "  the <cat> & dog\n"},
    {"role": "assistant", "content": "sat"},
    {"role": "user", "content": "où?"},
]
TEMPLATES = {
    "turns": """
        {%- if messages[0]['role'] != 'system' %}{{ '[system]be kind[/]\n' }}{% endif %}
        {%- for one in messages %}
            {{- '[' + one['role'] + ']' + one['content'] | trim + '[/]\n' }}
        {%- endfor %}
        {%- if add_generation_prompt %}{{ '[assistant]' }}{% endif %}""",
    "tools": """
        {%- if tools is not none and tools %}{{ tools | tojson }}{% endif %}
        {%- if documents is defined and documents %}{{ documents }}{% endif %}
        {{- bos_token }}
        {%- for one in messages %}
            {%- if one.role == 'assistant' %}{%- continue %}{% endif %}
            {{- one.content | tojson }}{{ eos_token if not loop.last }}
        {% endfor %}""",
    "state": """
        {%- set seen = namespace(count=0) %}
        {%- for one in messages %}{% set seen.count = seen.count + 1 %}
            {{- seen.count * 2 }}{{ one.content.split('<')[0].strip() }}
        {% endfor %}
        {%- if unk_token is defined %}{{ unk_token }}{% endif %}""",
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_conversations_are_those_of_transformers(name: str) -> None:
    transformers = pytest.importorskip("transformers", reason="it is the reference")
    tokens = {"bos_token": "<pad>", "eos_token": "<end>"}
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=small_tokenizer(), **tokens)
    expected = fast.apply_chat_template(
        TALK, chat_template=TEMPLATES[name], add_generation_prompt=True, tokenize=False
    )
    assert len(expected) > 10
    assert ChatTemplate(TEMPLATES[name], tokens).render(TALK) == expected


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{% for one in messages %}", "is no Jinja template"),
        ("{" * 5000 + "%", "is no Jinja template|fails"),
        ("x" * 300_000, "more than 262144 characters"),
        ("{{ raise_exception('no ' + messages[0].role) }}", "refuses the conversation: no user"),
        ("{{ messages.nothing.at.all }}", "fails: "),
        ("{{ 'x' * 10000000000 }}", "needs too much memory"),
        ("{{ 10 ** (10 ** 10) }}", "takes too long|needs too much memory"),
        ("{{ 'x' | center(10000000000) }}", "needs too much memory"),
        (
            "{% set all = namespace(x='x') %}"
            "{% for i in range(99) %}{% set all.x = all.x ~ all.x %}{% endfor %}",
            "needs too much memory",
        ),
        ("{% for i in range(99999) %}{% for i in range(99999) %}{% endfor %}{% endfor %}", "long"),
        (r"{{ '\ud800' }}", "fails: .* surrogates not allowed"),
        ("{% for i in range(99999) %}{{ 'x' * 999 }}{% endfor %}", "writes more than"),
        ("{% for i in range(10000000000) %}{{ i }}{% endfor %}", "fails: Range too big"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "fails: access to attribute"),
        ("{{ messages.append(1) }}", "fails: access to attribute|fails: "),
        ("{% include '/etc/passwd' %}", "fails: "),
    ],
)
def test_hostile_templates_are_one_line(source: str, told: str) -> None:
    with pytest.raises(BadInput, match=told) as caught:
        ChatTemplate(source, {}).render(TALK)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "chat_template.jinja"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="cannot be read as text"):
        read_chat_template(path, {})
