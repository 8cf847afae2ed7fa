from pathlib import Path

from bintally.schemas import documents

DOCS = Path(__file__).parents[2] / "docs"


def test_the_committed_documents_are_what_the_models_say() -> None:
    for name, content in documents().items():
        assert (DOCS / name).read_text() == content, f"docs/{name} is out of date: run 'make docs'"


def test_no_schema_is_left_of_a_model_that_is_gone() -> None:
    assert {f"schemas/{path.name}" for path in (DOCS / "schemas").iterdir()} == {
        name for name in documents() if name.startswith("schemas/")
    }
