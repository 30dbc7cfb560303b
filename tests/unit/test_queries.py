"""Named parameters of statements."""

from importlib.resources import files

import pytest

from upwell.storage.queries import compiled


def test_names_become_numbers_in_the_order_of_their_first_use() -> None:
    statement = compiled("select :b, :a, :b::text, x[1:2], ':c', now() at time zone 'UTC' -- :d\n where y = any(:ids)")
    assert statement.text == (
        "select $1, $2, $1::text, x[1:2], ':c', now() at time zone 'UTC' -- :d\n where y = any($3)"
    )
    assert statement(a=1, b=2, ids=[3]) == (statement.text, 2, 1, [3])


@pytest.mark.parametrize("given", [{}, {"a": 1}, {"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 2}])
def test_each_parameter_is_given_and_nothing_else(given: dict[str, int]) -> None:
    with pytest.raises(TypeError, match="takes a, b"):
        compiled("select :a, :b")(**given)


def test_every_parameter_of_every_statement_has_a_name() -> None:
    texts = {sheet.name: sheet.read_text("utf-8") for sheet in files("upwell.storage").joinpath("sql").iterdir()}
    assert texts and not [name for name, text in texts.items() if "$" in text]


def test_a_statement_without_parameters_is_called_too() -> None:
    assert compiled("select 1")() == ("select 1",)
