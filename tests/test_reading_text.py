"""Numbers as text: every way to write a table that is understood, and every refusal."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from fp8lab.reading import Entry, contents, parse_numbers, read

nan, inf = np.nan, np.inf

TABLES = {
    "commas": ("1,2,3\n4,5,6\n", [[1, 2, 3], [4, 5, 6]]),
    "semicolons": ("1;2\n3;4", [[1, 2], [3, 4]]),
    "tabs": ("1\t2\n3\t4\n", [[1, 2], [3, 4]]),
    "blanks": ("  1   2\n3 4  \n", [[1, 2], [3, 4]]),
    "commas and blanks": ("1, 2\n 3 ,4 \n", [[1, 2], [3, 4]]),
    "one row": ("1 2 3", [1, 2, 3]),
    "one column": ("1\n2\n3\n", [1, 2, 3]),
    "one number": ("-4.5e-3", [-4.5e-3]),
    "Windows lines": ("1,2\r\n3,4\r\n", [[1, 2], [3, 4]]),
    "old Mac lines": ("1,2\r3,4\r", [[1, 2], [3, 4]]),
    "blank lines": ("\n\n1 2\n\n3 4\n\n", [[1, 2], [3, 4]]),
    "comments": ("# a b\n1 2\n# c\n3 4\n", [[1, 2], [3, 4]]),
    "specials": (
        "nan,inf\n-Infinity,NaN\n-0,1e5",
        [[nan, inf], [-inf, nan], [-0.0, 1e5]],
    ),
    "heads": ("a,b\n1,2\n3,4", [[1, 2], [3, 4]]),
    "heads of one column": ("weight\n1\n2", [1, 2]),
    "heads in quotes": ('"a, kg","b"\n1,2\n3,4', [[1, 2], [3, 4]]),
    "numbers in quotes": ('"1","2"\n"3","4"', [[1, 2], [3, 4]]),
    "a brace where .safetensors has one": ("weight, {kg}\n1,2", [1, 2]),
    "labels": ("x,1,2\ny,3,4", [[1, 2], [3, 4]]),
    "heads and labels": ("name;a;b\nx;1;2\ny;3;4", [[1, 2], [3, 4]]),
    "labels without a head": ("a b\nx 1 2\ny 3 4", [[1, 2], [3, 4]]),
    "dates as labels": ("2020-01-01,1,2\n2020-01-02,3,4", [[1, 2], [3, 4]]),
    "numbered heads": ("step,10,20\n1,2,3\n4,5,6", [[1, 2, 3], [4, 5, 6]]),
    "as pandas writes it": (",0,1\n0,1.5,2.5\n1,3,4\n", [[1.5, 2.5], [3, 4]]),
    "pandas with heads": (",a,b\n0,1.5,2.5\n1,3,4\n", [[1.5, 2.5], [3, 4]]),
    "an empty first cell": (",2,3\n4,5,6", [[nan, 2, 3], [4, 5, 6]]),
    "an empty cell": ("1,,3\n4,5,6", [[1, nan, 3], [4, 5, 6]]),
    "an empty last cell": ("1,2,3\n4,5,\n", [[1, 2, 3], [4, 5, nan]]),
    "an empty last cell first": ("1,2,\n3,4,5\n", [[1, 2, nan], [3, 4, 5]]),
    "a separator at each end": ("1,2,\n3,4,\n", [[1, 2], [3, 4]]),
    "as in a C array": ("1,2,\n3,4", [[1, 2], [3, 4]]),
    "a list": ("[1, 2, 3]", [1, 2, 3]),
    "a list of lists": ("[[1, 2], [3, 4]]", [[1, 2], [3, 4]]),
    "a list over lines": ("[[1,\n 2],\n [3, 4],\n]\n", [[1, 2], [3, 4]]),
    "an array": (
        "array([[1., 2.],\n       [3., 4.]], dtype=float32)",
        [[1, 2], [3, 4]],
    ),
    "a tensor": ("tensor([1.5, -2.0], device='cuda:0')", [1.5, -2]),
    "words beyond ASCII": ("Größe;Menge\n1;2", [1, 2]),
}


def same(found: np.ndarray, wanted: object) -> None:
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, np.asarray(wanted, np.float64))
    np.testing.assert_array_equal(np.signbit(found), np.signbit(np.asarray(wanted)))


@pytest.mark.parametrize("case", TABLES)
def test_a_table_pasted_or_in_a_file(tmp_path, case):
    text, wanted = TABLES[case]
    same(parse_numbers(text).array, wanted)
    for name in ("x.csv", "x.tsv", "x.txt", "x"):
        path = tmp_path / name
        path.write_bytes(text.encode())
        same(read(path).array, wanted)
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
        same(read(path).array, wanted)
        found = np.asarray(wanted)
        assert contents(path) == [Entry(name, found.shape, "float64", found.size)]


def test_heads_in_another_encoding_do_no_harm(tmp_path):
    (tmp_path / "x.csv").write_bytes("Größe,b\n1,2\n".encode("cp1252"))
    assert read(tmp_path / "x.csv").array.tolist() == [1, 2]


NOTES = {
    "1,2\n3,4": "numbers separated by commas",
    "1\n2": "",
    "a,b\n1,2": "numbers separated by commas, the first row (column heads) left out",
    "x\t1\t2": "numbers separated by tabs, the first column (row labels) left out",
    "1;;3\n;5;6": "numbers separated by semicolons; empty cells became nan (2)",
}


@pytest.mark.parametrize("text", NOTES)
def test_the_note_says_what_was_understood(text):
    assert parse_numbers(text).note == NOTES[text]


REFUSED = {
    "nothing": ("", "holds no numbers"),
    "blank lines": ("\n \n\t\n\x1f", "holds no numbers"),
    "heads alone": ("a,b\n", "line 1: 'b' is not a number"),
    "nothing but nan": ("nan,nan\nNaN,", "nothing but nan"),
    "nothing but separators": (",,,\n,,,", "nothing but nan"),
    "a longer row": ("1,2\n3,4\n5,6,7\n", "line 3 has 3 cells and the first row 2"),
    "a shorter row": ("# c\n\n1 2\n3\n", "line 4 has 1 cells and the first row 2"),
    "a ragged list": ("[[1, 2], [3]]", "line 2 has 1 cells"),
    "a word": ("1,2\n3,x\n", "line 2: 'x' is not a number"),
    "a decimal comma": ("1,5;2,5\n3,5;4,5", r"'1,5' is not a number.*no decimal comma"),
    "decimal commas and blanks": ("1,5 2,5\n3,5 4,5", "no decimal comma"),
    "a decimal comma below": ("1;2\n3,5;4", "line 2: '3,5'.*no decimal comma"),
    "a percentage": ("50%\n60%", "'50%' is not a number"),
    "thousands": ("1 000;2 000\n1;2", "'1 000' is not a number"),
    "hexadecimal": ("0x10\n0x20", "'0x20' is not a number"),
    "half a list": ("[1, 2", "is not a number"),
    "a shortened array": ("[1. 2. ... 9. 10.]", r"'\.\.\.' is not a number"),
    "markup": ("<b>1</b>", "'<b>1</b>' is not a number"),
    "a bell": ("1,\a\n", r"'\\x07' is not a number"),
    "one long line": ("1," * (1 << 21), "more than 4,194,304 characters"),
    "one long word": ("x" * 4_000_000, "is not a number"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_table_is_one_sentence(tmp_path, case):
    text, words = REFUSED[case]
    with pytest.raises(ValueError, match=words) as caught:
        parse_numbers(text)
    assert len(str(caught.value)) <= 200
    assert str(caught.value).isprintable()
    (tmp_path / "x.csv").write_text(text, encoding="utf-8")
    for call in (read, contents):
        with pytest.raises(ValueError) as caught:
            call(tmp_path / "x.csv")
        assert len(str(caught.value)) <= 200


def test_pasted_numbers_have_the_name_they_are_given():
    assert parse_numbers("1").name == "pasted numbers"
    assert parse_numbers("1", "mine").name == "mine"
    with pytest.raises(ValueError, match="'mine' holds no numbers"):
        parse_numbers("", "mine")


def test_of_a_long_table_the_first_rows_are_read(tmp_path):
    x = np.arange(3000.0).reshape(1000, 3)
    np.savetxt(tmp_path / "x.csv", x, delimiter=",", header="a,b,c")
    loaded = read(tmp_path / "x.csv", largest=100)
    same(loaded.array, x[:33])
    assert loaded.note.startswith("the first 33 rows were read; ")
    same(read(tmp_path / "x.csv", largest=1).array, x[0])
    assert "rows were read" not in read(tmp_path / "x.csv", largest=3000).note


TABLE = arrays.arrays(
    np.float64,
    arrays.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=6),
    elements=st.floats(allow_subnormal=True),
)


@given(TABLE.filter(lambda x: not np.isnan(x).all()), st.sampled_from(",;\t "))
def test_what_savetxt_writes_comes_back(x, separator):
    rows = [separator.join(map(repr, row)) for row in x.tolist()]
    np.testing.assert_array_equal(parse_numbers("\n".join(rows)).array, x)
    np.testing.assert_array_equal(parse_numbers(repr(x.tolist())).array, x)


def test_what_torch_and_numpy_print_comes_back():
    x = torch.arange(24.0).reshape(2, 12)
    same(parse_numbers(repr(x)).array, x.numpy())
    same(parse_numbers(repr(x.half())).array, x.numpy())
    same(parse_numbers(str(x.numpy())).array, x.numpy())
    same(parse_numbers(repr(x.numpy().reshape(2, 3, 4))).array, x.reshape(6, 4))


def test_a_file_is_closed_and_no_line_is_read_beyond_need(tmp_path: Path):
    path = tmp_path / "x.csv"
    path.write_text("1,2\n" * 100 + "this is no number\n")
    assert read(path, largest=20).array.shape == (10, 2)
    with pytest.raises(ValueError, match="line 101"):
        read(path)
    path.unlink()
