"""Labels are read strictly: what is wrong is one sentence with file, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.errors import BadInputError
from kiosk.models.evaluate.datasets import read_labelled
from tests.models.evaluate.fakes import (
    BOX_COLUMNS,
    FACE_COLUMNS,
    MOOD_COLUMNS,
    boxes_folder,
    faces_folder,
    moods_folder,
    write_index,
    write_picture,
)

VOC = """<annotation><folder>images</folder><filename>{name}</filename>
<size><width>200</width><height>100</height><depth>3</depth></size>{objects}</annotation>"""
OBJECT = """<object><name>{label}</name><difficult>{difficult}</difficult><bndbox>
<xmin>{box[0]}</xmin><ymin>{box[1]}</ymin><xmax>{box[2]}</xmax><ymax>{box[3]}</ymax>
</bndbox></object>"""


def voc_folder(data: Path, *objects: str, name: str = "a.png") -> Path:
    folder = data / "own"
    (folder / "annotations").mkdir(parents=True)
    write_picture(folder / "images/a.png", 10, 200, 100)
    text = VOC.format(name=name, objects="".join(objects))
    (folder / "annotations/a.xml").write_text(text, encoding="utf-8")
    return folder


def an_object(label: str = "face", box: tuple[object, ...] = (1, 2, 30, 40), hard: int = 0) -> str:
    return OBJECT.format(label=label, difficult=hard, box=box)


def test_the_layouts_of_the_data_are_read(tmp_path: Path) -> None:
    for make in (faces_folder, moods_folder, boxes_folder):
        make(tmp_path)
    found = read_labelled(tmp_path)
    assert [(face.age, face.gender) for face in found.faces[0].pictures][:2] == [
        (8, "female"),
        (30, "male"),
    ]
    # Contempt, and what people did not agree on, are not counted.
    assert [face.mood for face in found.moods[0].pictures] == ["happy", "angry"]
    assert (found.moods[0].name, found.moods[0].rows) == ("ferplus_test", 4)
    first, second = found.boxes[0].pictures
    assert [box.kind for box in first.boxes] == ["unmasked", "masked"]
    # A face cut by the border ends there.
    assert second.boxes[0].xmax == 200
    assert found.notes == []


def test_one_set_can_be_named_by_itself_and_any_folder_name_will_do(tmp_path: Path) -> None:
    folder = faces_folder(tmp_path).rename(tmp_path / "my-faces")
    assert len(read_labelled(folder).faces[0].pictures) == 4
    assert read_labelled(tmp_path).faces[0].name == "my-faces"


def test_pascal_voc_boxes_are_read_with_what_is_difficult(tmp_path: Path) -> None:
    voc_folder(tmp_path, an_object(), an_object("with_mask", (5, 5, 9.5, 9), hard=1))
    picture = read_labelled(tmp_path).boxes[0].pictures[0]
    assert picture.path == tmp_path / "own/images/a.png"
    assert [(box.kind, box.difficult) for box in picture.boxes] == [
        ("other", False),
        ("masked", True),
    ]
    assert picture.boxes[1].xmax == 9.5


def test_an_index_says_which_pictures_count_where_there_are_annotations_too(tmp_path: Path) -> None:
    folder = boxes_folder(tmp_path)
    (folder / "annotations").mkdir()
    (folder / "annotations/a.xml").write_text("<nonsense/>", encoding="utf-8")
    assert len(read_labelled(tmp_path).boxes[0].pictures) == 2


def test_other_boxes_of_pascal_voc_are_left_out_and_told(tmp_path: Path) -> None:
    voc_folder(tmp_path, an_object(), an_object("dog"), an_object("dog"))
    found = read_labelled(tmp_path)
    assert len(found.boxes[0].pictures[0].boxes) == 1
    assert "2 boxes labelled 'dog' are left out" in found.notes[0]


def test_an_unknown_column_is_told_and_a_known_one_is_not(tmp_path: Path) -> None:
    write_index(tmp_path / "utkface", (*FACE_COLUMNS, "race", "mood"), [("a.png", 3, "male", 1, 2)])
    assert read_labelled(tmp_path).notes == [
        f"{tmp_path}/utkface/index.csv:1: not read: column mood"
    ]


def test_a_folder_of_other_tables_is_left_alone(tmp_path: Path) -> None:
    faces_folder(tmp_path)
    write_index(tmp_path / "sales", ("week", "sum"), [(1, 2)])
    write_index(tmp_path / "odd", ("file", "age"), [("a", 2)])
    notes = read_labelled(tmp_path).notes
    assert notes == [f"{tmp_path}/odd/index.csv: left out: its columns are of no known layout"]


BAD_ROWS = {
    "age-in-words": ("utkface", FACE_COLUMNS, ("a.png", "old", "male"), "column age: "),
    "age-of-a-tree": ("utkface", FACE_COLUMNS, ("a.png", 300, "male"), "column age: "),
    "gender-by-number": ("utkface", FACE_COLUMNS, ("a.png", 30, "0"), "column gender: "),
    "file-elsewhere": ("utkface", FACE_COLUMNS, ("../a.png", 30, "male"), "column file: "),
    "too-few": ("utkface", FACE_COLUMNS, ("a.png", 30), "has 2 columns where the header names 3"),
    "misspelt": ("ferplus_test", MOOD_COLUMNS, ("a", "", "hapiness", 1), 'mean "happiness"?'),
    "majority": ("ferplus_test", MOOD_COLUMNS, ("a", "", "anger", "yes"), "column majority_gt5: "),
    "no-number": ("facemask853", BOX_COLUMNS, ("a", 9, 9, "x", 0, 5, 5, "face"), "column xmin: "),
    "nan": ("facemask853", BOX_COLUMNS, ("a", 9, 9, "nan", 0, 5, 5, "face"), "column xmin: "),
    "inside-out": (
        *("facemask853", BOX_COLUMNS, ("a", 9, 9, 5, 0, 3, 5, "face")),
        "column xmax: 3 is not beyond xmin 5",
    ),
    "outside": (
        *("facemask853", BOX_COLUMNS, ("a", 9, 9, 5, 10, 8, 12, "face")),
        "column ymin: the box lies outside the picture of 9 pixels",
    ),
}


@pytest.mark.parametrize("case", BAD_ROWS, ids=str)
def test_a_bad_row_is_named_with_file_line_and_column(tmp_path: Path, case: str) -> None:
    name, columns, row, said = BAD_ROWS[case]
    path = write_index(tmp_path / name, columns, [row])
    with pytest.raises(BadInputError) as bad:
        read_labelled(tmp_path)
    assert str(bad.value).startswith(f"{path}:2: ")
    assert said in str(bad.value)
    assert "\n" not in str(bad.value)


def test_of_many_bad_rows_the_first_are_told_and_the_others_counted(tmp_path: Path) -> None:
    rows = [(f"{number}.png", "old", "male") for number in range(9)]
    write_index(tmp_path / "utkface", FACE_COLUMNS, rows)
    with pytest.raises(BadInputError) as bad:
        read_labelled(tmp_path)
    assert len(str(bad.value).splitlines()) == 6
    assert "and 4 more rows" in str(bad.value)


def test_a_picture_listed_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    rows = [("a.png", 3, "male"), ("b.png", 3, "male"), ("a.png", 4, "male")]
    path = write_index(tmp_path / "utkface", FACE_COLUMNS, rows)
    with pytest.raises(BadInputError, match=f"{path}:4: .*given twice .first on line 2"):
        read_labelled(tmp_path)


def test_a_missing_column_is_named_with_its_likely_other_name(tmp_path: Path) -> None:
    write_index(tmp_path / "utkface", ("file", "ages", "gender"), [("a.png", 3, "male")])
    with pytest.raises(BadInputError, match='column age: missing; is it the one called "ages"'):
        read_labelled(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"file,age,gender\n", "has no rows"),
        (b"\xff\xfe\x00a", "is not a UTF-8 table"),
    ],
    ids=["empty", "header-only", "binary"],
)
def test_an_index_without_content_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "utkface").mkdir()
    (tmp_path / "utkface/index.csv").write_bytes(content)
    with pytest.raises(BadInputError, match=said):
        read_labelled(tmp_path)


def test_a_table_saved_by_a_spreadsheet_has_a_mark_that_is_no_column(tmp_path: Path) -> None:
    (tmp_path / "utkface").mkdir()
    text = "\ufefffile,age,gender\r\na.png,3,male\r\n\r\n"
    (tmp_path / "utkface/index.csv").write_bytes(text.encode())
    assert len(read_labelled(tmp_path).faces[0].pictures) == 1


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ((an_object(box=("a", 2, 3, 4)),), "object/bndbox/xmin: 'a' is not a number"),
        ((an_object(box=(5, 2, 3, 4)),), "column xmax: 3 is not beyond xmin 5"),
        (("<object><name>face</name></object>",), "object/bndbox/xmin: missing"),
        (("<object>",), "not well-formed XML"),
        (("<!DOCTYPE a>",), "has a document type"),
        ((), "has no box of a face"),
    ],
    ids=["words", "inside-out", "no-box", "broken", "entities", "none"],
)
def test_bad_annotations_are_one_sentence(
    tmp_path: Path, objects: tuple[str, ...], said: str
) -> None:
    voc_folder(tmp_path, *objects)
    with pytest.raises(BadInputError) as bad:
        read_labelled(tmp_path)
    assert str(tmp_path / "own/annotations") in str(bad.value)
    assert said in str(bad.value)
    assert "\n" not in str(bad.value)


def test_an_annotation_cannot_name_a_picture_elsewhere(tmp_path: Path) -> None:
    voc_folder(tmp_path, an_object(), name="../../secret.png")
    with pytest.raises(BadInputError, match="is not a plain name"):
        read_labelled(tmp_path)


def test_a_folder_that_is_not_there_or_holds_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="there is no such folder"):
        read_labelled(tmp_path / "nowhere")
    with pytest.raises(BadInputError, match="holds no labelled set") as bad:
        read_labelled(tmp_path)
    assert "utkface/index.csv" in str(bad.value.hint)
