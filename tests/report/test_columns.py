from ofa_tf.report.columns import Column, format_columns


def test_numbers_end_and_words_begin_below_each_other_and_what_is_missing_is_a_dash() -> None:
    columns = [Column("name", "name", "{}", alignment="<"), Column("macs", "MACs", "{:,}")]
    rows = [{"name": "a", "macs": 1234567}, {"name": "largest"}, {"name": "b", "macs": None}]
    assert format_columns(columns, rows).splitlines() == [
        "name          MACs",
        "a        1,234,567",
        "largest          -",
        "b                -",
    ]
