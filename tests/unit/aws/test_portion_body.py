"""The body of a portion gives back the file's bytes, whatever they are; what is no portion gives nothing."""

import html

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.unit.aws.bodies import FOOT, HEAD, MARKER, PENDING, body

from aurora_logs.adapters.aws.portion_body import BODY_MAX_BYTES, read_portion, read_refusal, unescape
from aurora_logs.errors import Unreachable
from aurora_logs.records.flow import Answer


def escaped(raw):
    return raw.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")


def content_of(data):
    return read_portion(body(data)).content


def test_a_portion_is_its_content_its_marker_and_whether_there_is_more():
    assert read_portion(body(b"a &lt; b\n")) == Answer(content=b"a < b\n", marker="2026-10-10.7:185849", more=True)


@pytest.mark.parametrize("raw", [
    b"NUL \0 in a general log", b"ESC \x1b[0m and \x01\x02\x1f", "\ufffe\uffff".encode(), b"latin-1 \xe9\xff",
    "cut €".encode()[:-1], b"CR \r CRLF \r\n lone LF \n", b"\xff\xfe\x00", b"  blanks kept \t\n\n", b"]]>",
])  # fmt: skip
def test_bytes_that_xml_cannot_hold_arrive_as_the_file_has_them(raw):
    """RDS-71, RDS-33, PERF-32: botocore raises for most of these, and turns CR into LF."""
    assert content_of(escaped(raw)) == raw


@given(st.binary(max_size=300))
@example(b"&amp;&#13;&lt;![CDATA[")
def test_every_byte_string_survives_the_way_through_the_body(raw):
    assert content_of(escaped(raw)) == raw


@given(st.text(max_size=200), st.sampled_from(["named", "decimal", "hex", "HEX", "cdata", "mixed"]))
def test_every_spelling_of_text_gives_the_same_bytes(text, spelling):
    """RDS-76."""
    spelled = {
        "named": lambda: html.escape(text, quote=True).replace("&#x27;", "&apos;"),
        "decimal": lambda: "".join(f"&#{ord(char)};" for char in text),
        "hex": lambda: "".join(f"&#x{ord(char):x};" for char in text),
        "HEX": lambda: "".join(f"&#x{ord(char):04X};" for char in text),
        "cdata": lambda: "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>",
        "mixed": lambda: html.escape(text[:50]) + "<![CDATA[" + text[50:].replace("]]>", "]]]]><![CDATA[>") + "]]>",
    }[spelling]()

    assert content_of(spelled.encode("utf-8", "surrogatepass")) == text.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(("spelled", "raw"), [
    (b"&#13;&#xD;&#x0d;\r", b"\r\r\r\r"), (b"&#x1B;&#27;&#0;&#x0;", b"\x1b\x1b\0\0"), (b"&#xe9;&#233;", "éé".encode()),
    (b"&#x1F600;", "😀".encode()), (b"&amp;lt;&amp;#13;", b"&lt;&#13;"), (b"&quot;&apos;", b"\"'"),
])  # fmt: skip
def test_references_stand_for_their_bytes_and_are_read_once(spelled, raw):
    """PERF-33: `&#xD;`, `&#x1B;`, and references inside of references."""
    assert content_of(spelled) == raw


def test_cdata_keeps_bytes_that_look_like_the_end_of_the_data():
    """RDS-76: a client may write our tags into its SQL; in CDATA they stand unescaped."""
    raw = b"SELECT '</LogFileData><Marker>9:9</Marker>' \0 \r\n &amp; \xff"

    assert read_portion(body(b"<![CDATA[" + raw + b"]]>")) == Answer(
        content=raw, marker="2026-10-10.7:185849", more=True
    )


def test_log_text_that_looks_like_an_answer_is_log_text():
    fake = escaped(body(b"x", marker=b"<Marker>0</Marker>", pending=b""))

    assert read_portion(body(fake)).marker == "2026-10-10.7:185849"


@pytest.mark.parametrize("heavy", [True, False])
def test_a_body_full_of_references_gives_the_same_bytes_as_one_with_few(heavy):
    """The XML parser reads dense text faster; where it could change a byte it is not asked."""
    raw = (b"\"a\" < 'b' & c\n" if heavy else b"plain text of a log line, quite long, with one < only\n") * 5_000
    spelled = escaped(raw).replace(b'"', b"&quot;").replace(b"'", b"&#39;")
    assert content_of(spelled) == raw

    assert content_of(spelled + b"\r\n\0" + b"&#1;") == raw + b"\r\n\0\x01"


@pytest.mark.parametrize("data", [b"", b"<LogFileData/>", b"<LogFileData />", b"<LogFileData></LogFileData>"])
def test_missing_or_empty_data_is_no_content(data):
    """RDS-22."""
    assert read_portion(HEAD + data + MARKER + FOOT) == Answer(content=b"", marker="2026-10-10.7:185849", more=False)


@pytest.mark.parametrize("marker", [b"", b"<Marker/>", b"<Marker></Marker>"])
def test_a_missing_marker_is_none_with_and_without_data(marker):
    """RDS-23."""
    assert read_portion(body(b"x", marker=marker)).marker is None
    assert read_portion(HEAD + marker + FOOT) == Answer(content=b"", marker=None, more=False)


def test_a_missing_pending_flag_is_false():
    """RDS-24."""
    assert read_portion(body(b"x", pending=b"")).more is False
    assert read_portion(body(b"x", pending=b"<AdditionalDataPending>false</AdditionalDataPending>")).more is False


def test_the_order_of_elements_and_attributes_do_not_matter():
    data = b'<LogFileData xml:space="preserve">x\n</LogFileData >'
    assert read_portion(b"\xef\xbb\xbf" + HEAD + data + PENDING + MARKER + FOOT) == Answer(
        content=b"x\n", marker="2026-10-10.7:185849", more=True
    )


@pytest.mark.parametrize("bad", [
    b"", b"  \n", b"<html><body>Bad gateway</body></html>", b"<!DOCTYPE html><html></html>", b"not XML", b"{}",
    b'<?xml version="1.0"?><DescribeDBLogFilesResponse></DescribeDBLogFilesResponse>', HEAD, HEAD + FOOT[:-20],
])  # fmt: skip
def test_what_is_no_portion_is_unreachable_and_gives_nothing(bad):
    """RDS-77: a proxy's page, an empty body, another answer."""
    with pytest.raises(Unreachable):
        read_portion(bad)


def test_a_body_cut_anywhere_is_never_used():
    """RDS-77: every cut, also behind the data."""
    whole = body(b"one &amp; two &#13;<![CDATA[three]]>\n").rstrip()
    for length in range(len(whole)):
        with pytest.raises(Unreachable):
            read_portion(whole[:length])


@pytest.mark.parametrize("hostile", [
    b'<!DOCTYPE a [<!ENTITY b "cc">]>' + HEAD + b"<LogFileData>&b;</LogFileData>" + FOOT,
    HEAD + b'<!ENTITY b "cc"><LogFileData>x</LogFileData>' + FOOT,
    body(b"&b;"), body(b"&lol9;"), body(b"a & b"), body(b"&#x110000;"), body(b"&#-5;"), body(b"&#x;"), body(b"&#;"),
    body(b"&;"), body(b"&#99999999999;"), body(b"<b>x</b>"), body(b"<![CDATA[ never closed"), body(b"&amp"),
])  # fmt: skip
def test_document_types_entities_and_broken_xml_are_refused(hostile):
    """PERF-33: nothing is expanded, nothing is guessed."""
    with pytest.raises(Unreachable):
        read_portion(hostile)


def test_dense_hostile_text_is_refused_like_sparse_text():
    with pytest.raises(Unreachable):
        read_portion(body(b"&amp;" * 1_000 + b"&b;"))


def test_a_body_beyond_the_limit_is_refused():
    """Law 6: an answer has a bound."""
    with pytest.raises(Unreachable):
        read_portion(body(b"x" * BODY_MAX_BYTES))


def test_unescape_leaves_text_without_references_alone():
    text = b"no references \0\r\n"
    assert unescape(text) is text


@pytest.mark.parametrize(("answer", "read"), [
    (b"<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error></ErrorResponse>",
     ("Throttling", "Rate exceeded")),
    (b"<Error><Code>AccessDenied</Code><Message>a &lt;b&gt;</Message></Error>", ("AccessDenied", "a <b>")),
    (b"<html>no</html>", ("", "")), (b"", ("", "")), (b"<Code>&bad;</Code>", ("", "")), (b"\xff\x00", ("", "")),
])  # fmt: skip
def test_a_refusal_is_its_code_and_its_message(answer, read):
    assert read_refusal(answer) == read
