"""The list of the pages and of their states, each with where axe visits it at every width, and that it is whole."""

from __future__ import annotations

import ast
from pathlib import Path

HERE = Path(__file__).parent
TABLES = {"PAGES", "STATES"}  # in the modules below: the states that are opened by their address

LISTED: dict[str, dict[str, tuple[str, ...]]] = {
    "Sign in and account": {
        "sign_in": (
            "test_the_sign_in_page_is_accessible_also_with_an_error",
            "test_by_keyboard_from_a_link_in_and_out_again",
            "test_the_account_page_says_what_is_wrong_with_a_new_password",
            "test_the_first_admin_is_made_in_the_browser",
        ),
    },
    "Reports": {
        "web": ("reports", "second page", "search", "nothing found", "test_empty_pages_are_accessible"),
        "subscribe": ("reports",),
    },
    "Report": {
        "web": ("report", "hostile report", "paused report", "report by hand", "no report"),
        "subscribe": ("report",),
        "edit": ("test_a_report_is_deleted_after_a_question",),
    },
    "New or edit report": {
        "edit": (
            "choice of templates",
            "usage summary",
            "cost analysis",
            "user activity",
            "model performance",
            "no such template",
            "filled by an odd link",
            "edited",
            "edited, paused, long",
            "test_a_form_with_errors_is_accessible_and_says_them_at_their_fields",
            "test_what_somebody_else_saved_meanwhile_is_shown",
            "test_the_schedule_says_what_it_means_while_it_is_built",
        ),
    },
    "Preview": {
        "edit": (
            "no preview",
            "preview queued",
            "preview running",
            "preview succeeded",
            "preview failed",
            "test_without_a_runner_the_page_says_so_until_there_is_one",
        ),
    },
    "Subscribe": {
        "subscribe": (
            "subscribe",  # with the mail that will arrive
            "no run yet",
            "long name",
            "hostile name",
            "nothing named",
            "unknown",
            "test_forms_with_errors_thresholds_and_values_are_accessible",
        ),
    },
    "Way out of a mail": {"sign_in": ("test_the_way_out_of_a_mail_is_accessible_at_each_step",)},
    "Archive": {
        "web": (
            "archive",
            "archive of a report",
            "archive filtered",
            "archive, nothing found",
            "odd period",
            "test_empty_pages_are_accessible",
        ),
        "subscribe": ("archive",),
    },
    "Run": {"web": ("succeeded run", "failed run", "unknown run", "no run"), "subscribe": ("run",)},
    "Compare": {"subscribe": ("compare", "nothing to compare")},
    "Explore": {
        "explore": (
            "data",
            "filtered",
            "drilled down",
            "nothing like that",
            "dates not understood",
            "empty",
            "source down",
            "test_the_open_list_of_people_is_reached_by_keyboard",
        ),
        "web": ("test_empty_pages_are_accessible",),
    },
    "Status": {"web": ("status", "test_empty_pages_are_accessible")},  # late and failing reports; no runner
    "Changes": {
        "web": ("changes", "no such changes", "test_empty_pages_are_accessible"),
        "sign_in": ("test_a_viewer_is_offered_only_what_a_viewer_may_do",),
    },
}


def there(module: str) -> tuple[set[str], set[str]]:
    """Of a module of tests: the states in its table, and its functions."""
    tree = ast.parse((HERE / f"test_{module}_browser.py").read_text(encoding="utf-8"))
    tables = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and isinstance(node.value, ast.Dict)
        and TABLES & {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
    ]
    states = {str(key.value) for table in tables for key in table.keys if isinstance(key, ast.Constant)}
    return states, {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_the_list_names_every_state_that_is_visited_and_no_other() -> None:
    listed: dict[str, set[str]] = {}
    for modules in LISTED.values():
        for module, names in modules.items():
            listed.setdefault(module, set()).update(names)
    for module, names in listed.items():
        states, functions = there(module)
        assert states <= names, f"{module} visits states that the list does not name"
        assert names <= states | functions, f"the list names what {module} does not visit"


def test_the_list_names_every_page() -> None:
    pages = {path.stem for path in (HERE.parents[1] / "web" / "app_pages").glob("*.py")} - {"__init__"}
    named = {"edit": "New or edit report", "audit": "Changes"}
    assert {named.get(page, page.capitalize()) for page in pages} <= set(LISTED)
