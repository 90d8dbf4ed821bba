import pytest

from configs.errors import FileRefused
from configs.source_models import FieldSource, Layout, Override, RaceFlags, SetAside, Source
from transforms.layouts import columns_to_read, likeness_to, match_layout
from transforms.renames import likeness


def a_source(name="example", layouts=None, **fields):
    fields = fields or {
        "student_id": FieldSource(column=["SSID", "Student Identifier"]),
        "scale_score": FieldSource(column="Score"),
    }
    layouts = layouts or [
        Layout(name="old", citation="-", header=["Student Identifier", "Score", "Filler"]),
        Layout(name="new", citation="-", header=["SSID", "Score", "Filler", "Level"]),
    ]
    return Source(
        name=name,
        title="-",
        publisher="-",
        citation="-",
        table="student_result",
        file_names=["*"],
        layouts=layouts,
        fields=fields,
        grain=["student_id"],
        partition=["school_year"],
    )


def refusal(columns, source):
    with pytest.raises(FileRefused) as caught:
        match_layout(columns, source)
    assert caught.value.code == "UNKNOWN_HEADER"
    return caught.value


def test_the_layout_of_which_the_header_shows_most_is_taken():
    match = match_layout(["Level", "SSID", "Score", "Filler"], a_source())
    assert (match.layout.name, match.share) == ("new", 1.0)


def test_a_field_is_bound_to_the_spelling_that_the_header_has():
    match = match_layout(["Student Identifier", "Score", "Filler"], a_source())
    assert match.bindings == {"student_id": ["Student Identifier"], "scale_score": ["Score"]}


def test_of_layouts_that_differ_in_order_alone_the_one_in_the_files_order_is_taken():
    moved = [
        Layout(name="first", citation="-", header=["SSID", "Score", "Filler"]),
        Layout(name="moved", citation="-", header=["SSID", "Filler", "Score"]),
    ]
    source = a_source(layouts=moved)
    assert match_layout(["SSID", "Filler", "Score"], source).layout.name == "moved"
    assert match_layout(["SSID", "Score", "Filler"], source).layout.name == "first"


def test_columns_that_no_field_needs_may_be_missing_or_new():
    match = match_layout(["SSID", "Score", "Comment"], a_source())
    assert match.extra == ("Comment",)
    assert "Filler" in match.missing


def test_a_header_without_a_needed_column_is_refused_and_names_the_likely_rename():
    error = refusal(["SSID", "Scale Score", "Filler", "Level"], a_source())
    assert "Score -> Scale Score" in error.found
    assert "new" in error.expected


def test_a_file_of_another_kind_is_refused_without_guesses():
    assert "likely renamed" not in refusal(["Scorer", "Team", "Goals"], a_source()).found


def test_a_file_without_a_header_shows_none_of_its_first_students_values():
    cells = ["9000000001", "Ann", "Bee", "2015-01-02", "Elm Elementary", "2500"]
    error = refusal(cells, a_source())
    assert not [cell for cell in cells if cell in str(error)]
    assert "6 columns" in error.found and "0 are the layout's" in error.found
    assert "the first row may be data" in error.found


def test_a_value_that_is_a_columns_name_by_chance_does_not_make_a_row_a_header():
    error = refusal(["Level", "Ann", "Bee", "Elm"], a_source())
    assert "Ann" not in str(error) and "first row may be data" in error.found


def test_a_record_that_ran_into_the_header_shows_none_of_its_values():
    error = refusal(["SSID", "Filler", "Level", "Points", "9000000001", "Ann"], a_source())
    assert "Ann" not in str(error) and "9000000001" not in str(error)


@pytest.mark.parametrize(
    "cell", ["Ann 9000000001", "x" * 91, "Said: it\nwas", "ann@example.org", "=Bee"]
)
def test_a_cell_that_is_not_like_a_columns_name_is_counted_not_shown(cell):
    error = refusal(["SSID", "Filler", "Level", "Scale Score", cell], a_source())
    assert cell not in str(error)
    assert "besides Scale Score and 1 not shown" in error.found
    assert "likely renamed: Score -> Scale Score" in error.found


def test_a_column_with_a_number_is_told_where_a_layout_of_the_source_knows_it():
    header = ["SSID", "Score", "Filler", "Level"]
    layouts = [
        Layout(name="new", citation="-", header=header),
        Layout(name="old", citation="-", header=["SSID", "Score", "Score 2019"]),
    ]
    error = refusal(["SSID", "Filler", "Level", "Score 2019"], a_source(layouts=layouts))
    assert "Score 2019" in error.found


def test_a_missing_column_of_the_signature_keeps_a_layout_from_fitting():
    layouts = [
        Layout(name="new", citation="-", header=["SSID", "Score", "Level"], signature=["Level"])
    ]
    assert "Level" in refusal(["SSID", "Score"], a_source(layouts=layouts)).found


def test_a_field_that_the_layout_lacks_or_decides_itself_needs_no_column():
    layouts = [
        Layout(
            name="poor",
            citation="-",
            header=["SSID", "Score"],
            absent=["grade"],
            constants={"subject": "math"},
        )
    ]
    source = a_source(
        layouts=layouts,
        student_id=FieldSource(column="SSID"),
        grade=FieldSource(column="Grade"),
        subject=FieldSource(column="Subject"),
    )
    assert match_layout(["SSID", "Score"], source).bindings == {"student_id": ["SSID"]}


def test_a_needed_column_that_stands_twice_is_refused_and_an_unneeded_one_is_not():
    assert "SSID" in refusal(["SSID", "Score", "SSID", "Level"], a_source()).found
    match_layout(["SSID", "Score", "Filler", "Filler", "Level"], a_source())


def test_coalesced_columns_that_the_header_lacks_are_passed_over():
    layouts = [Layout(name="only", citation="-", header=["ID", "State ID"])]
    source = a_source(layouts=layouts, student_id=FieldSource(coalesce=["State ID", "ID"]))
    assert match_layout(["ID"], source).bindings == {"student_id": ["ID"]}


def test_columns_of_overrides_races_and_set_aside_are_read_too():
    header = ["ID", "Race", "Hispanic", "White", "Two", "Valid", "Name"]
    override = Override(column="Hispanic", values=["Y"], code="HISPANIC")
    source = a_source(
        layouts=[Layout(name="only", citation="-", header=header)],
        student_id=FieldSource(column="ID"),
        ethnicity=FieldSource(column="Race", overrides=[override], unflagged="MULTI"),
    ).model_copy(
        update={
            "race": RaceFlags(columns={"WHITE": "White"}, multiple="Two", yes=["Y"], no=["N"]),
            "set_aside": {"INVALID": SetAside(column="Valid", values=["N"], reason="-")},
        }
    )
    match = match_layout(header, source)
    assert columns_to_read(match, source) == ["ID", "Race", "Hispanic", "White", "Two", "Valid"]


def test_names_are_alike_by_letters_or_by_words():
    assert likeness("SSID", "StudentSSID") > 0.5
    assert likeness("ELStatus", "Status EL") == 1.0
    assert likeness("Score", "Home Language") < 0.5


@pytest.mark.parametrize(
    ("layout_has", "file_has"),
    [
        ("LEP(Limited English Proficient)Status", "ELStatus"),
        ("Statewide_Student_Identifier(SSID)", "SSID"),
        ("CALPADSIDEAIndicator", "CALPADSSpecialEducation"),
        ("ReportingEthnicity", "EthnicityforTesting"),
        ("Overall Scale Score", "Scale Score Overall"),
    ],
)
def test_a_rename_is_found_whichever_of_the_names_is_the_newer(layout_has, file_has):
    for own, other in ((layout_has, file_has), (file_has, layout_has)):
        source = a_source(
            layouts=[Layout(name="only", citation="-", header=["ID", "Grade", own])],
            student_id=FieldSource(column="ID"),
            el_status=FieldSource(column=own),
        )
        found = refusal(["ID", "Grade", other], source).found
        assert f"likely renamed: {own} -> {other}" in found
        assert "of layout only they lack" in found and f"besides {other}" in found


def test_no_column_is_in_two_renames_and_the_likeliest_is_first():
    header = ["ID", "Grade", "Total Score", "Score", "Other"]
    source = a_source(
        layouts=[Layout(name="only", citation="-", header=header)],
        student_id=FieldSource(column="ID"),
        scale_score=FieldSource(column="Score"),
        raw_score=FieldSource(column="Total Score"),
    )
    found = refusal(["ID", "Grade", "Score Total", "The Score", "Other"], source).found
    assert found.endswith("likely renamed: Total Score -> Score Total; Score -> The Score")


def formless():
    return a_source(
        layouts=[
            Layout(name="named", citation="-", header=["SSID", "Score"]),
            Layout(
                name="bare",
                citation="-",
                header=["SSID", "Score", "Level"],
                headerless=True,
                marks={"SSID": "[0-9]+"},
            ),
            Layout(
                name="fixed",
                citation="-",
                positions=[
                    {"column": "SSID", "start": 1, "end": 3},
                    {"column": "Score", "start": 4, "end": 6},
                ],
                record_length=6,
            ),
        ]
    )


def test_a_header_is_never_of_a_layout_whose_files_have_none():
    assert match_layout(["SSID", "Score", "Level"], formless()).layout.name == "named"


def test_the_layout_that_the_form_has_shown_is_the_only_one_tried():
    columns = ["SSID", "Score"]
    assert match_layout(columns, formless(), "fixed").layout.name == "fixed"
    assert match_layout([*columns, "Level"], formless(), "bare").layout.name == "bare"


def test_a_source_without_any_header_refuses_one_and_is_like_none():
    source = formless()
    bare = source.model_copy(update={"layouts": source.layouts[1:]})
    assert "2 columns" in refusal(["SSID", "Score"], bare).found
    assert likeness_to(["SSID", "Score"], bare) == 0.0
    assert likeness_to(["SSID", "Score"], bare, "fixed") == 1.0
