"""`tokenshare report`: what files and workers come to, and how it is told."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
import re
import shutil
import zlib
from html.parser import HTMLParser

import orjson
import pytest
from click.testing import CliRunner
from formats import samples
from rich.console import Console
from test_batch_fetch import batch_of

from streams import cli
from streams.classify.classifier import Classifier
from streams.classify.keys import DIMENSIONS
from streams.classify.origin.catalog import Catalog
from streams.cli import client
from streams.counting.partition import Partition
from streams.decode.options import Options
from streams.decode.reader import Reader
from streams.report import content as page
from streams.report import html, lines, text
from streams.report.count import FIRST, Count
from streams.report.summary import STEP_OF, histories, movers_of, summary
from streams.shares.history import History
from streams.state.pane import DAY
from streams.state.view import View

CATALOG = Catalog.load()
NOW = 1_800_000_000.0
#: A Monday.
MONDAY = 1_767_571_200
A_DAY = 86_400
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PLAIN = [each for each in samples.load() if each.value is not None and not each.headers]


def event(day=0, model="gpt-4o", prompt=100, completion=20, **more):
    return {
        "model": model,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "ts": MONDAY + day * A_DAY,
    } | more


def ndjson(*documents):
    return b"".join(
        (each if isinstance(each, bytes) else orjson.dumps(each)) + b"\n" for each in documents
    )


def count_of(*values, options=None, dedupe=0, at_once=1000):
    count = Count(CATALOG, options or Options(), NOW, dedupe)
    count.begin("a.ndjson")
    for begin in range(0, len(values), at_once):
        count.add(values[begin : begin + at_once])
    return count


def worker_of(values, options, dedupe=0):
    """Return a partition as a worker has it after the same records, in batches of Kafka's."""
    classifier = Classifier(CATALOG)
    reader = Reader(classifier, options, with_ids=bool(dedupe))
    partition = Partition.restore(0, 1, {}, dedupe_records=dedupe)
    raw = batch_of(list(values))
    partition.apply(reader.read(0, len(values), [raw]), classifier, NOW)
    return partition


def records_of(count):
    found = {f"rejected/{reason}": each.count for reason, each in count.rejected.items()}
    for reason, each in count.skipped.items():
        found["cache_hit/" if reason == "cache_hit" else f"skipped/{reason}"] = each.count
    return found | ({"counted/": count.counted} if count.counted else {})


def days_of(partition):
    return {key.start: pane for key, pane in partition.panes.items() if key.level is DAY}


def assert_equal(count, partition):
    assert records_of(count) == partition.totals.records
    days = days_of(partition)
    assert count.panes.keys() == days.keys()
    for start, pane in count.panes.items():
        assert (pane.cells, pane.models) == (days[start].cells, days[start].models)


def flat(sample):
    """A line of a file has no line end: between the tokens of JSON a space says the same."""
    return sample.value.replace(b"\n", b" ").replace(b"\r", b" ")


@pytest.mark.parametrize("sample", PLAIN, ids=lambda each: each.name)
def test_a_line_counts_as_a_worker_counts_the_record(sample):
    values = [flat(sample)] * 2 if flat(sample) else []
    if not values:
        return
    assert_equal(count_of(*values, options=sample.options), worker_of(values, sample.options))


def test_all_samples_in_one_file_count_as_a_worker_counts_the_topic():
    values = [flat(each) for each in PLAIN if each.options == Options() and flat(each)]
    assert len(values) > 100
    for at_once in (1, 7, 1000):
        assert_equal(count_of(*values, at_once=at_once), worker_of(values, Options()))


def test_an_id_counts_once_as_in_a_worker():
    values = [orjson.dumps(event(id=f"r{number % 3}")) for number in range(9)]
    count = count_of(*values, dedupe=100)

    assert_equal(count, worker_of(values, Options(), dedupe=100))
    assert (count.counted, count.skipped["duplicate"].count) == (3, 6)
    assert count.skipped["duplicate"].places == [("a.ndjson", 4), ("a.ndjson", 5), ("a.ndjson", 6)]


def test_what_does_not_count_is_reported_with_its_first_lines():
    cached = orjson.dumps(
        {
            "call_type": "acompletion",
            "model": "gpt-4o",
            "cache_hit": True,
            "prompt_tokens": 1,
            "completion_tokens": 1,
            "startTime": MONDAY,
        }
    )
    good = orjson.dumps(event())
    count = count_of(good, b"bad", b"", b"[]", *[b"bad"] * 5, cached, good, at_once=4)

    assert count.lines == 10
    assert count.counted == 2
    assert count.rejected["not_json"].count == 6
    assert count.rejected["not_json"].places == [("a.ndjson", at) for at in (2, 5, 6)]
    assert count.skipped["empty_batch"].places == [("a.ndjson", 4)]
    assert count.skipped["cache_hit"].places == [("a.ndjson", 10)]
    assert all(len(each.places) <= FIRST for each in count.rejected.values())


def test_an_event_of_a_file_needs_a_time_of_its_own():
    document = event()
    del document["ts"]
    odd = document | {"tenant": "Zoë"}
    count = count_of(orjson.dumps(document), orjson.dumps(odd))

    assert count.rejected["bad_time"].count == 2


# -- lines


def lines_of(data, longest=1000, block=None):
    with pytest.MonkeyPatch.context() as patch:
        if block is not None:
            patch.setattr(lines, "BLOCK_BYTES", block)
        found = []
        try:
            for some, _ in lines.lines(lines.blocks(io.BytesIO(data)), longest):
                found += some
        except lines.BrokenOffError as error:
            return found, str(error)
        return found, None


@pytest.mark.parametrize("block", [1, 2, 3, 7, 4096])
def test_lines_do_not_depend_on_where_blocks_end(block):
    text = b"one\r\ntwo\n\nthree \xc3\xa9\nfour"
    expected = [b"one", b"two", b"", b"three \xc3\xa9", b"four"]

    if block > 3:
        assert lines_of(text, block=block) == (expected, None)
        assert lines_of(b"\xef\xbb\xbf" + text, block=block) == (expected, None)
    assert lines_of(gzip.compress(text), block=max(block, 2)) == (expected, None)
    joined = gzip.compress(text + b"\n") + gzip.compress(text) + b"\0" * 9
    assert lines_of(joined, block=max(block, 2)) == (expected * 2, None)


def test_of_a_line_that_is_too_long_enough_is_kept_to_say_so():
    found, _ = lines_of(b"x" * 5000 + b"\nshort\n" + b"y" * 5000, longest=100, block=64)

    assert found == [b"x" * 101, b"short", b"y" * 101]


@pytest.mark.parametrize("cut", [1, 8, 9, 40])
def test_a_gzip_that_breaks_off_gives_its_whole_lines_and_says_so(cut):
    text = b"\n".join(b"%d" % (number * 7919 % 10007) for number in range(20_000)) + b"\n"
    found, why = lines_of(gzip.compress(text)[:-cut], block=4096)

    assert why == "the compressed data end early"
    assert found == text.split(b"\n")[: len(found)]
    assert len(found) > 19_000


def test_a_damaged_gzip_is_reported():
    data = bytearray(gzip.compress(b"a line\n" * 1000))
    data[20] ^= 0xFF

    assert lines_of(bytes(data))[1] == "the compressed data are damaged"


def test_of_a_damaged_gzip_what_stands_before_the_damage_is_kept():
    text = b"\n".join(b"%d" % (number * 7919 % 10007) for number in range(20_000)) + b"\n"
    whole = zlib.compressobj(wbits=31)
    data = whole.compress(text) + whole.flush(zlib.Z_FULL_FLUSH)
    # A block of a type that there is not.
    found, why = lines_of(data + b"\x07" + b"rest" * 99)

    assert why == "the compressed data are damaged"
    assert found == text.split(b"\n")[:-1]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_byte_order_mark_is_not_a_part_of_the_first_line(pack):
    assert lines_of(pack(b"\xef\xbb\xbfone\ntwo"))[0] == [b"one", b"two"]


def test_five_years_count_in_any_order_and_however_they_are_cut():
    values = [orjson.dumps(event(-day)) for day in range(0, 5 * 365, 30)]
    newest_first = count_of(*values)

    assert (newest_first.counted, len(newest_first.panes)) == (61, 61)
    assert not newest_first.rejected
    for at_once in (1, 7, 1000):
        oldest_first = count_of(*reversed(values), at_once=at_once)
        assert oldest_first.panes == newest_first.panes


# -- what a report says


def report_of(*documents, by="week", **more):
    count = count_of(*map(orjson.dumps, documents))
    return summary(histories(count.panes, CATALOG, by), by, **more)


def rows(report, dimension):
    return {row.key: row for row in report.dimensions[dimension]}


def test_shares_go_by_week_and_their_average_is_of_weeks():
    report = report_of(
        event(0, "qwen3-32b", 100, 0),
        event(1, "gpt-4o", 300, 0),
        event(7, "gpt-4o", 1000, 0),
        event(14, "qwen3-32b", 10, 0),
    )

    assert report.starts == (MONDAY, MONDAY + 7 * A_DAY, MONDAY + 14 * A_DAY)
    assert rows(report, "origin")["cn-open"].course == (0.25, 1.0, 1.0, pytest.approx(1.25 / 3))
    assert rows(report, "developer")["Alibaba"].tokens_ratio == pytest.approx(110 / 1410)
    assert rows(report, "model")["qwen3-32b"].sums == (110, 2, 110, 0)


def test_days_without_tokens_are_left_out():
    report = report_of(event(0), event(1, prompt=0, completion=0), event(2), by="day")

    assert report.starts == (MONDAY, MONDAY + 2 * A_DAY)


def test_movers_compare_the_first_tenth_with_the_last():
    days = [event(day, "gpt-4o" if day < 10 else "qwen3-32b") for day in range(20)]
    report = report_of(*days, event(1, "qwen3-32b", 120, 120), by="day")

    (first, second) = movers_of(report, "model")
    assert {first.key, second.key} == {"gpt-4o", "qwen3-32b"}
    up = first if first.key == "qwen3-32b" else second
    assert (up.first, up.last) == (pytest.approx(0.5), 1.0)
    assert not movers_of(report, "language")


def test_one_week_has_no_movers_and_is_reported_in_every_form():
    report = report_of(event(0), event(3))

    assert report.movers == ()
    assert "in the first" not in " ".join(page.sentences(report))
    assert "Tokens per request: 100 prompt and 20 completion on average." in page.sentences(report)


def test_tokens_per_request_are_of_all_and_of_both_ends():
    report = report_of(event(0, prompt=10, completion=1), event(7, prompt=90, completion=9))

    assert report.sizes.whole == (50, 5)
    assert (report.sizes.first, report.sizes.last) == ((10, 1), (90, 9))


def test_shares_of_each_dimension_add_up_to_the_whole():
    documents = [
        event(
            number % 30, f"model-{number % 70}", number, 1, language=("en", "zh", None)[number % 3]
        )
        for number in range(500)
    ]
    report = report_of(*documents)

    for dimension in DIMENSIONS:
        found = report.dimensions[dimension]
        assert sum(row.sums.tokens for row in found) == report.whole.tokens
        for at, step in enumerate(report.steps):
            assert sum(row.steps[at].tokens for row in found) == step.tokens
    assert rows(report, "model")["other"].sums.requests > 0
    assert report.dimensions["model"][-1].key == "other"


# -- the command


def run(*arguments, stdin=None):
    return CliRunner().invoke(cli.cli, ["report", *map(str, arguments)], input=stdin)


@pytest.fixture
def traffic(tmp_path):
    path = tmp_path / "usage.ndjson"
    path.write_bytes(
        ndjson(
            *(
                event(day, model, 100 + day, 20, language=language)
                for day in range(30)
                for model, language in (("qwen3-32b", "zh"), ("gpt-4o", "en"), ("mine", None))
            ),
            b"bad",
        )
    )
    return path


def test_plain_gzip_and_standard_input_say_the_same(traffic, tmp_path):
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(traffic.read_bytes()))
    plain = run(traffic, "--json")

    report = orjson.loads(plain.stdout)
    assert plain.exit_code == 0
    assert report["read"]["records"] == 91
    assert report["read"]["rejected"]["not_json"]["first"] == [{"file": str(traffic), "line": 91}]
    for other in (run(packed, "--json"), run("-", "--json", stdin=traffic.read_bytes())):
        assert orjson.loads(other.stdout)["steps"] == report["steps"]
    both = orjson.loads(run(traffic, packed, "--json").stdout)
    assert both["tokens"] == 2 * report["tokens"]
    assert [each["file"] for each in both["read"]["rejected"]["not_json"]["first"]] == [
        str(traffic),
        str(packed),
    ]


def test_what_does_not_count_is_said_beside_the_report_and_not_in_it(traffic):
    for form in ([], ["--markdown"], ["--csv"], ["--json"]):
        done = run(traffic, *form)
        assert done.exit_code == 0
        assert re.search(rf"1 rejected as not_json \(\S*{re.escape(traffic.name)}:91", done.stderr)
    assert "rejected" not in run(traffic).stdout + run(traffic, "--csv").stdout


def test_the_table_reads_like_the_study(traffic):
    said = run(traffic).stdout

    order = [
        "Chinese open models:",
        "Languages of prompts:",
        "Tokens by origin",
        "Tokens by prompt language",
        "Tokens by developer",
        "Tokens by model",
        "each week",
    ]
    places = [said.index(each) for each in order]
    assert places == sorted(places)
    assert "Alibaba" in said


@pytest.mark.parametrize("width", [60, 80, 104, 200])
def test_a_terminal_of_any_width_shows_whose_the_numbers_are(width):
    report = report_of(
        *(event(7 * week, "qwen3-32b" if week < 9 else "gpt-4o", 10**6) for week in range(54))
    )
    written = io.StringIO()
    console = Console(width=width, file=written)
    for each in text.for_terminal(report, width):
        console.print(each)
    said = written.getvalue()

    assert max(map(len, said.splitlines())) <= width
    assert "…" not in said
    for whole in ("proprietary, rest of world", "gpt-4o", "2026-01-05", "100.0 %"):
        assert whole in said
    last = said.splitlines()[-1]
    assert last.split()[0] == "2027-01-11"
    assert ("course" in said) == (width >= 80)
    assert not re.search(r"^ ?%", said, re.MULTILINE)


def test_one_step_has_no_course():
    for by, when in (("week", "Week of 2026-01-05 (UTC): "), ("day", "2026-01-05 (UTC): ")):
        report = report_of(event(0), by=by)
        assert page.sentences(report)[0] == f"{when}120 tokens in 1 request."
        for table in page.tables(report)[:4]:
            assert table.columns[1:] == ("tokens", "requests")
        assert page.tables(report)[4].columns == ("tokens", "all")


def test_a_report_of_little_gives_a_remedy(tmp_path, traffic):
    path = tmp_path / "array.json"
    path.write_bytes(orjson.dumps([event(0), event(1)], option=orjson.OPT_INDENT_2))
    assert "one record a line" in run(path).stderr

    path.write_bytes(orjson.dumps([event(0), event(1)]))
    assert "one record a line" not in run(path).stderr
    assert "`--by day`" in run(path, "--markdown").stderr
    assert "`--by day`" not in run(path, "--by", "day").stderr + run(traffic).stderr


def test_csv_has_a_row_a_step_and_key(traffic):
    for by, steps in (("week", 5), ("day", 30)):
        found = [*csv.DictReader(io.StringIO(run(traffic, "--csv", "--by", by).stdout))]
        models = [each for each in found if each["dimension"] == "model"]
        assert len(models) == steps * 3
        assert sum(int(each["tokens"]) for each in models) == sum(3 * (120 + d) for d in range(30))
        assert found[0]["start"] == "2026-01-05T00:00:00Z"


class Page(HTMLParser):
    """What a browser would load or run."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


def read_page(text):
    parser = Page()
    parser.feed(text)
    return parser


def test_html_is_one_file_that_loads_and_runs_nothing(traffic, tmp_path):
    path = tmp_path / "report.html"
    done = run(traffic, "--html", path)
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"written to {path}" in done.stderr

    text = path.read_text("utf-8")
    found = read_page(text)
    assert not {"script", "link", "img", "iframe", "object", "base", "use"} & set(found.tags)
    names = {name for name, _ in found.attributes}
    assert not {"src", "href", "xlink:href", "srcset", "action"} & names
    assert not [each for each in names if each.startswith("on")]
    assert "url(" not in text
    assert "//" not in text
    assert "prefers-color-scheme: dark" in text
    assert found.tags.count("svg") == 3
    assert found.tags.count("polygon") == 3


def test_a_gap_without_traffic_is_as_wide_as_it_was_long():
    report = report_of(event(0), event(1), event(10, "qwen3-32b"), by="day")
    (polygon,) = re.findall(r'class="area row-proprietary" points="([^"]*)"', html.page(report))

    left, second, right = (float(each.split(",")[0]) for each in polygon.split()[:3])
    assert (second - left) / (right - left) == pytest.approx(0.1, abs=0.001)
    dates = re.findall(r"(\d{4}-\d\d-\d\d)</text>", html.page(report))
    assert dates == ["2026-01-05", "2026-01-07", "2026-01-10", "2026-01-12", "2026-01-15"]


def test_html_may_be_printed_instead_of_written(traffic, tmp_path):
    assert run(traffic, "--html", tmp_path / "r.html").exit_code == 0
    done = run(traffic, "--html", "-")

    assert (done.exit_code, done.stdout) == (0, (tmp_path / "r.html").read_text("utf-8"))
    assert run(traffic, "--html", "-", "--csv").exit_code == 2


def test_a_file_that_cannot_be_written_is_reported_before_anything_is_read(traffic, tmp_path):
    path = tmp_path / "no" / "r.html"
    done = run(traffic, "--html", path)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "cannot be written: No such file or directory" in done.stderr
    assert "read" not in done.stderr

    path = tmp_path / "r.html"
    path.write_text("as it was")
    assert run(tmp_path / "none", "--html", path).exit_code == 2
    assert path.read_text() == "as it was"
    assert run(tmp_path / "none", "--html", tmp_path / "new.html").exit_code == 2
    assert not (tmp_path / "new.html").exists()


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "=HYPERLINK(1)",
    "a|b|c",
    "[x](http://evil.example)",
    "`code`*bold*_it_",
    "\x1b[31mred\x1b]0;title\x07",
    "\u202egnp.exe",
    "x" * 5000,
]


@pytest.fixture
def hostile(tmp_path):
    path = tmp_path / "hostile.ndjson"
    path.write_bytes(ndjson(*(event(0, name, language=name) for name in HOSTILE), event(1)))
    return path


def test_hostile_names_are_text_in_html(hostile, tmp_path):
    path = tmp_path / "report.html"
    assert run(hostile, "--html", path).exit_code == 0

    found = read_page(path.read_text("utf-8"))
    assert not {"script", "img"} & set(found.tags)
    assert "onerror" not in {name for name, _ in found.attributes}
    assert "alert(1)" in "".join(found.text)


def test_hostile_names_are_text_in_markdown(hostile):
    said = run(hostile, "--markdown").stdout

    table = said.partition("## Tokens by model")[2].partition("\n## ")[0].strip().split("\n")[2:]
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table}
    assert len(cells) == 1
    assert not re.search(r"(?<!\\)[<`]", said)
    assert not re.search(r"(?<!\\)\]\(", said)
    assert "http://" not in said


def test_hostile_names_are_no_formulas_in_csv(hostile):
    for row in csv.reader(io.StringIO(run(hostile, "--csv").stdout)):
        assert not [each for each in row if each.startswith(("=", "+", "-", "@"))]


@pytest.mark.parametrize("form", [(), ("--markdown",)])
def test_hostile_names_do_not_steer_the_terminal(hostile, form):
    done = run(hostile, *form)

    assert not {"\x1b", "\x07", "\u202e"} & set(done.stdout + done.stderr)
    assert "x" * 200 not in done.stdout


def test_a_file_name_does_not_steer_the_terminal_either(tmp_path):
    path = tmp_path / "\x1b[31m.ndjson"
    path.write_bytes(b"bad\n")

    assert "\x1b" not in run(path).stderr


@pytest.mark.parametrize("content", [b"", b"\n\n", b"bad\n", b"[]\n", gzip.compress(b"", mtime=0)])
def test_without_events_every_form_says_so(content, tmp_path):
    path = tmp_path / "none.ndjson"
    path.write_bytes(content)

    assert page.NOTHING in run(path).stdout
    assert page.NOTHING in run(path, "--markdown").stdout
    assert len(run(path, "--csv").stdout.splitlines()) == 1
    assert orjson.loads(run(path, "--json").stdout)["weeks"] == 0
    # Nothing to count is no fault, and what could not be read is one.
    assert run(path, "--html", tmp_path / "r.html").exit_code == (content == b"bad\n")
    assert page.NOTHING in (tmp_path / "r.html").read_text()


def test_one_week_goes_in_every_form(tmp_path):
    path = tmp_path / "week.ndjson"
    path.write_bytes(ndjson(event(0), event(1, "qwen3-32b")))

    for form in ([], ["--markdown"], ["--csv"], ["--json"], ["--html", tmp_path / "r.html"]):
        assert run(path, *form).exit_code == 0
    assert (tmp_path / "r.html").read_text().count("<polygon") == 2


def test_a_gzip_that_breaks_off_is_reported_and_ends_with_1(traffic, tmp_path):
    path = tmp_path / "cut.gz"
    path.write_bytes(gzip.compress(traffic.read_bytes())[:-12])
    done = run(path, "--json")

    assert done.exit_code == 1
    report = orjson.loads(done.stdout)
    assert 0 < report["read"]["counted"] <= 90
    assert "end early after line" in done.stderr
    assert str(path) in report["read"]["broken"][0]


def test_a_file_that_is_given_twice_is_read_once(traffic, tmp_path):
    again = tmp_path / "again.ndjson"
    again.symlink_to(traffic)
    once, twice = run(traffic, "--json"), run(traffic, again, traffic, "--json")

    assert twice.stdout == once.stdout
    assert twice.stderr.count("is given twice and read once") == 2
    assert "given twice" not in once.stderr


def test_mistakes_are_named(tmp_path, traffic):
    for arguments, said in (
        ([tmp_path / "none"], "does not exist"),
        ([tmp_path], "is a directory"),
        ([traffic, "--url", "http://127.0.0.1:1"], "--url"),
        ([traffic, "--unknown"], "running worker"),
        (["--unknown", "--csv"], "--json"),
        ([traffic, "--html", tmp_path / "no" / "r.html"], "cannot be written"),
        ([traffic, "--by", "month"], "month"),
    ):
        done = run(*arguments)
        assert done.exit_code == 2, arguments
        assert said in done.stderr
        assert "Traceback" not in done.stderr


# -- from a running worker


@pytest.fixture
def worker(monkeypatch, traffic):
    """A worker that has counted the same records; returns what it was asked."""
    values = traffic.read_bytes().splitlines()
    flush = worker_of(values, Options()).begin_flush()
    view = View()
    for key, value in (*flush.panes.items(), flush.position):
        view.apply(key, value)
    history = History(view, CATALOG)
    asked = []

    def get(url, path, **query):
        asked.append((url, path))
        if path == "/api/v1/shares":
            return {"simulated": True}
        return orjson.loads(
            orjson.dumps(history.read(query["dimension"], query["step"], None, None, NOW))
        )

    monkeypatch.setattr(client, "get", get)
    return asked


@pytest.mark.parametrize("by", STEP_OF)
def test_a_worker_and_its_records_in_a_file_give_the_same_report(worker, traffic, by):
    of_worker = orjson.loads(run("--json", "--by", by).stdout)
    of_file = orjson.loads(run(traffic, "--json", "--by", by).stdout)

    assert of_worker.pop("simulated") is True
    assert of_file.pop("simulated") is False
    assert (of_worker.pop("read"), of_file.pop("read")["counted"]) == (None, 90)
    assert of_worker == of_file
    assert {url for url, _ in worker} == {"http://127.0.0.1:6066"}


def test_the_worker_that_is_asked_is_the_one_of_the_settings(worker, monkeypatch):
    monkeypatch.setenv("TOKENSHARE_WEB_PORT", "8080")

    assert run("--json").exit_code == 0
    assert run("--json", "--url", "http://worker:6066").exit_code == 0

    assert {url for url, _ in worker} == {"http://127.0.0.1:8080", "http://worker:6066"}


def test_simulated_traffic_is_called_so_in_every_form(worker, tmp_path):
    run("--html", tmp_path / "r.html")

    for said in (run().stdout, run("--markdown").stdout, (tmp_path / "r.html").read_text()):
        assert "Simulated traffic" in said


def test_json_keeps_what_it_had(worker):
    report = orjson.loads(run("--json", "--url", "http://127.0.0.1:7").stdout)

    assert report["weeks"] == 5
    assert {"tokens", "requests", "simulated"} <= report.keys()
    assert set(report["origin"]["cn-open"]) == {"first", "highest", "last", "average"}
    assert sum(report["language"].values()) == pytest.approx(1)
    assert {url for url, _ in worker} == {"http://127.0.0.1:7"}


def test_a_sparkline_has_a_mark_a_step_up_to_its_width():
    assert page.sparkline([0.0, 0.5, 1.0]) == " ▅█"
    assert page.sparkline([0.0, 0.0]) == ""
    for steps in (1, 24, 25, 730):
        assert len(page.sparkline([1.0] * steps)) == min(24, steps)
    assert len(set(itertools.chain(page.sparkline([0.1] * 100)))) == 1


# -- from a topic


@pytest.mark.kafka
def test_a_topic_and_a_file_of_its_records_give_the_same_report(traffic):
    from kafka import KafkaProducer
    from kafka.admin import NewTopic

    from streams.demo.broker import EmbeddedBroker
    from streams.kafka import admin
    from streams.settings import load

    values = traffic.read_bytes().splitlines()
    of_file = orjson.loads(run(traffic, "--json").stdout)
    with EmbeddedBroker() as broker:
        client = admin.connect(load(bootstrap_servers=broker.bootstrap), wait_seconds=10)
        client.create_topics([NewTopic("usage", 3, 1), NewTopic("empty", 1, 1)])
        client.close()
        producer = KafkaProducer(bootstrap_servers=broker.bootstrap)
        for number, value in enumerate(values):
            producer.send("usage", value, partition=number % 2)
        producer.close()
        kafka = ["--bootstrap", broker.bootstrap, "--json"]
        done = run("--topic", "usage", *kafka)
        empty = run("--topic", "empty", *kafka)
        missing = run("--topic", "none", *kafka)

    of_topic = orjson.loads(done.stdout)
    read, told = of_topic.pop("read"), of_file.pop("read")
    assert of_topic == of_file
    assert (read["records"], read["counted"]) == (told["records"], told["counted"]) == (91, 90)
    assert read["rejected"]["not_json"]["first"] == [{"file": "usage[0]", "line": 45}]
    assert orjson.loads(empty.stdout)["weeks"] == 0
    assert (missing.exit_code, "Topic none does not exist" in missing.stderr) == (1, True)


def test_a_broker_that_does_not_answer_is_named():
    done = run("--topic", "usage", "--bootstrap", "127.0.0.1:1")

    assert done.exit_code == 3
    assert "No Kafka at 127.0.0.1:1" in done.stderr


# -- Parquet


def test_parquet_counts_as_the_same_rows_in_json(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    documents = [event(day, language="zh" if day % 2 else None) for day in range(20)]
    plain = tmp_path / "a.ndjson"
    plain.write_bytes(ndjson(*documents))
    fields, whole = tmp_path / "fields.parquet", tmp_path / "whole"
    parquet.write_table(pa.Table.from_pylist(documents), fields)
    parquet.write_table(pa.table({"value": [orjson.dumps(each) for each in documents]}), whole)

    expected = orjson.loads(run(plain, "--json").stdout)
    for path in (fields, whole):
        assert orjson.loads(run(path, "--json").stdout) == expected


def test_parquet_that_is_cut_off_is_reported(tmp_path):
    path = tmp_path / "cut.parquet"
    path.write_bytes(b"PAR1" + b"x" * 100)
    done = run(path)

    assert done.exit_code == 1
    assert "not a complete Parquet file" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_extra_parquet_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("streams.report.parquet.IS_INSTALLED", False)
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")
    done = run(path)

    assert (done.exit_code, "tokenshare[parquet]" in done.stderr) == (2, True)


# -- in a browser


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_html_report_is_accessible_and_fits_a_phone(traffic, tmp_path, scheme):
    if CHROMIUM is None:
        pytest.skip("no Chromium (Debian package chromium)")
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    path = tmp_path / "report.html"
    run(traffic, "--html", path)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        # The policy of the file keeps axe out as well.
        context = browser.new_context(color_scheme=scheme, bypass_csp=True)
        tab = context.new_page()
        tab.set_viewport_size({"width": 390, "height": 800})
        errors, asked = [], []
        tab.on("console", lambda message: errors.append(message.text))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(path.as_uri())
        width = tab.evaluate("document.documentElement.scrollWidth")
        found = Axe().run(tab).response["violations"]
        browser.close()

    assert (errors, asked) == ([], [path.as_uri()])
    assert width == 390
    assert found == []
