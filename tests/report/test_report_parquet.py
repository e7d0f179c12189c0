"""A report of Parquet files."""

from __future__ import annotations

import orjson
from report_inputs import event, ndjson, run


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

    assert (done.exit_code, "[parquet]" in done.stderr) == (2, True)
