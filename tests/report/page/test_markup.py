"""HTML from plain values."""

import json

from ofa_tf.report.page.markup import Markup, element, embed_json, escape, join, make_command, make_facts, make_table

_HOSTILE = """<script>alert("x")</script> & 'y'"""


def test_texts_are_escaped_once() -> None:
    escaped = escape(_HOSTILE)
    assert escaped == "&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#x27;y&#x27;"
    assert escape(escaped) is escaped
    assert join(["<", Markup("<b>")]) == "&lt;<b>"


def test_an_element_escapes_content_and_attributes() -> None:
    made = element("p", "a < b", Markup("<b>c</b>"), title='"', class_="note", aria_label="&")
    assert made == '<p title="&quot;" class="note" aria-label="&amp;">a &lt; b<b>c</b></p>'


def test_attributes_can_be_without_value_or_left_out() -> None:
    assert element("div", hidden=True, id=None, open=False) == "<div hidden></div>"
    assert element("input", value=0) == '<input value="0">'


def test_a_table_names_its_columns_and_rows() -> None:
    table = make_table("of <this>", ["a", "b"], [["x", 1], ["<y>", 2]])
    assert "<caption><span>of &lt;this&gt;</span></caption>" in table
    assert '<tr><th scope="col">a</th><th scope="col">b</th></tr>' in table
    assert '<tr><th scope="row">&lt;y&gt;</th><td>2</td></tr>' in table
    assert 'aria-label="of &lt;this&gt;"' in table


def test_facts_and_commands_are_escaped() -> None:
    assert "<dt>&lt;</dt><dd>&amp;</dd>" in make_facts([("<", "&")])
    assert "<code>a &lt; b &amp;&amp; c</code>" in make_command("a < b && c")


def test_data_cannot_end_the_script_that_holds_them() -> None:
    value = {"name": _HOSTILE + "<!--\u2028"}
    made = embed_json(value, class_="data")
    start, _, rest = made.partition(">")
    text = rest.removesuffix("</script>")
    assert start == '<script type="application/json" class="data"'
    assert not {"<", ">", "&", "\u2028"} & set(text)
    assert json.loads(text) == value
