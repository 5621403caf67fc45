"""Project files: what they say, and every mistake in one line that names the file and the key."""

import re
from pathlib import Path

import pytest

from kinemacolor.media.errors import ProjectFileError
from kinemacolor.render.arguments import parse
from kinemacolor.render.errors import UsageError
from kinemacolor.render.guides import Measure
from kinemacolor.render.options import Quality
from kinemacolor.render.project_file import Project, read_project

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "guides.md"
WHOLE = """
model = "kinema+none"
variant = 2
quality = "high"
shots = "lists/cuts.edl"
shots_start = "01:00:00:00"

[[reference]]
frame = 120
image = "stills/porch.png"

[[hint]]
frame = 131
x = 0.42
y = "310px"
colour = "#a05030"

[[hint]]
frame = 131
x = 1
y = 0
colour = "#203050"
radius = "8px"
"""


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "film.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_everything_that_it_can_say(tmp_path, written):
    project = read_project(written(WHOLE))
    assert (project.model, project.variant, project.quality) == ("kinema+none", 2, "high")
    assert (project.shots, project.shots_start) == (tmp_path / "lists" / "cuts.edl", "01:00:00:00")
    (reference,) = project.guides.references
    assert (reference.frame, reference.image) == (120, tmp_path / "stills" / "porch.png")
    first, second = project.guides.hints
    assert (first.frame, first.x, first.y) == (131, Measure(0.42, False), Measure(310.0, True))
    assert (first.colour, first.radius) == ((160, 80, 48), Measure(0.01, False))
    assert (second.x, second.y, second.radius) == (Measure(1.0, False), Measure(0.0, False), Measure(8.0, True))
    assert second.origin.words == f"{tmp_path / 'film.toml'}: hint 2"


def test_what_the_documentation_shows_can_be_read(written):
    text = DOCUMENTATION.read_text()
    (shown,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    project = read_project(written(shown))
    assert (len(project.guides.references), len(project.guides.hints), project.variant) == (1, 2, 1)
    commands = re.findall(r"^    kinemacolor render (\S+ \S+ --\w+ \S+)", text, re.MULTILINE)
    assert len(commands) == 5
    for command in commands:
        if "--project" not in command:
            options = parse(command.split())
            assert options.guides or options.variant == 2 or options.review is not None


def test_nothing_has_to_be_said(written):
    assert read_project(written("")) == Project()
    assert read_project(written(b"\xef\xbb\xbf# with a mark\n")) == Project()


HINT = '[[hint]]\nframe = 1\nx = 0.5\ny = 0.5\ncolour = "#a05030"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("variant = " + 5000 * "9", "is not TOML"),
        ("model = " + 5000 * "[", "is not TOML"),
        ('shots = "a\\u0000b"', "shots: expected a text"),
        ("modle = 'kinema'", "unknown key 'modle'; there are: model, variant,"),
        ("variant = 0", "variant: expected a whole number from 1 to 64, found 0"),
        ("variant = true", "variant: expected a whole number"),
        ("quality = 'best'", "quality: expected one of draft, standard, high, found 'best'"),
        ("model = ''", "model: expected a text, found ''"),
        ("shots = 3", "shots: expected a text, found 3"),
        ("shots_start = 'noon'", "shots_start: 'noon' is no timecode"),
        ("hint = 1", "hint: is written as [[hint]]"),
        ("[reference]\nframe = 1", "reference: is written as [[reference]]"),
        (HINT + "size = 3", "hint 1: unknown key 'size'; there are: frame, x, y, colour, radius"),
        (HINT + HINT.replace("x = 0.5\n", ""), "hint 2: x is missing"),
        (HINT.replace("x = 0.5", "x = 320"), 'hint 1: x: expected a fraction from 0 to 1, or pixels such as "320px"'),
        (HINT.replace("x = 0.5", "x = nan"), "hint 1: x: expected a fraction"),
        (HINT.replace("x = 0.5", "x = '5 px'"), "hint 1: x: expected a fraction such as 0.25 or pixels"),
        (HINT.replace("frame = 1", "frame = 1.5"), "hint 1: frame: expected a whole number"),
        (HINT.replace("#a05030", "red"), "hint 1: colour: expected a colour such as #a05030, found 'red'"),
        (HINT + "radius = 0.6", "hint 1: radius: expected a fraction from 0 to 0.5"),
        ("[[reference]]\nframe = 1", "reference 1: image is missing"),
        ("[[reference]]\nframe = 1\nimage = 'a'\ncolour = 'b'", "reference 1: unknown key 'colour'"),
        ("variant == 1", "is not TOML: "),
        (b"model = '\xff'", "is not in UTF-8"),
    ],
)
def test_a_mistake_is_said_in_one_line_with_its_place(written, text, message):
    path = written(text)
    with pytest.raises(ProjectFileError) as caught:
        read_project(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(ProjectFileError, match=r"none.toml: cannot be read: No such file"):
        read_project(tmp_path / "none.toml")


def test_options_go_before_it_and_hints_are_added(tmp_path, written):
    path = written(WHOLE)
    options = parse(["a", "b", "--project", str(path)])
    assert (options.model, options.variant, options.quality) == ("kinema+none", 2, Quality.HIGH)
    assert (options.shots, options.shots_start) == (tmp_path / "lists" / "cuts.edl", "01:00:00:00")
    words = ["--model", "tiny", "--variant", "3", "--quality", "draft", "--shots", "o.csv"]
    more = ["--hint", "5:0.1,0.1=#ffffff", "--reference", "120=other.png", "--reference", "7=more.png"]
    options = parse(["a", "b", "--project", str(path), *words, *more])
    assert (options.model, options.variant, options.quality) == ("tiny", 3, Quality.DRAFT)
    assert (str(options.shots), options.shots_start) == ("o.csv", None)
    assert [hint.frame for hint in options.guides.hints] == [131, 131, 5]
    assert [str(said.image) for said in options.guides.references] == ["other.png", "more.png"]


def test_without_any_nothing_is_said():
    options = parse(["a", "b"])
    assert (options.variant, options.quality, bool(options.guides)) == (1, Quality.STANDARD, False)


@pytest.mark.parametrize("text", ["0", "65", "x", "1.5"])
def test_variants_are_bounded(text):
    with pytest.raises(UsageError, match="--variant"):
        parse(["a", "b", "--variant", text])
