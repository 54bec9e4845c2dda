"""Nothing a site says can become rspamd, ClamAV or Redis syntax."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gmconf.dialects import clamav, redis, ucl
from gmconf.errors import GmconfError


@given(st.text())
def test_a_string_is_one_quoted_token_or_refused(text):
    try:
        spelled = ucl.spell(text)
    except GmconfError:
        return
    assert re.fullmatch(r'"([^"\\]|\\["\\])*"', spelled)
    assert re.sub(r'\\(["\\])', r"\1", spelled[1:-1]) == text
    assert "$" not in spelled and not re.search(r"\{[%#={]", spelled)


@pytest.mark.parametrize("text", ["a\nb", "$DBDIR", "{{ x }}", "{% x %}", "{= x =}", "a\u2028b", "\x00"])
def test_what_rspamd_would_expand_is_refused(text):
    with pytest.raises(GmconfError):
        ucl.spell(text)


@given(st.text())
def test_a_raw_line_opens_nothing(text):
    try:
        spelled = ucl.spell_raw(ucl.literal(text))
    except GmconfError:
        return
    assert re.fullmatch(r'"([^"\\]|\\["\\])*"|[a-z][a-z0-9_]*|-?[0-9.e+-]+[a-z]*', spelled)


@pytest.mark.parametrize(
    ("value", "spelled"),
    [(True, "true"), (5, "5"), (1.5, "1.5"), (["a", 'b"'], r'["a", "b\""]'), ("null", '"null"')],
)
def test_ucl_spells(value, spelled):
    assert ucl.spell(value) == spelled


@given(st.text())
def test_clamav_and_redis_stay_on_one_line(text):
    for dialect in (clamav, redis):
        try:
            spelled = dialect.spell(text)
        except GmconfError:
            continue
        assert spelled and len(spelled.splitlines()) == 1
        if dialect is redis:
            assert re.fullmatch(r'[A-Za-z0-9_./:-]+|"([^"\\]|\\["\\])*"', spelled)


@pytest.mark.parametrize("value", [1.5, ["a"], "", " a", 'a"b', "a\tb"])
def test_clamav_refuses(value):
    with pytest.raises(GmconfError):
        clamav.spell(value)
