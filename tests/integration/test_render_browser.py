"""The one browser: right answers from any thread, a new start after every death, nothing left behind, no network."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from tempfile import gettempdir

import pikepdf
import psutil
import pytest
import report_notebooks
from PIL import Image

from reports.errors import RenderError
from runner.browser_path import find_browser
from runner.render.browser import Browser
from runner.render.charts import Drawing
from runner.render.devtools import PROFILE_PREFIX, sweep_profiles


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = Browser(find_browser(None))
    yield found
    found.close()


@pytest.fixture
def own_browser() -> Iterator[Browser]:
    """One that a test may hurt."""
    found = Browser(find_browser(None))
    found.warm_up()
    yield found
    found.close()


def bars(*heights: float, title: str = "t", **layout: object) -> Drawing:
    return Drawing({"data": [{"type": "bar", "y": list(heights)}], "layout": layout}, title, 300, 200)


def labelled(text: str) -> Drawing:
    return bars(1, annotations=[{"text": text, "x": 0, "y": 1}])


def text_of(pdf: bytes) -> str:
    """Every piece of text that the structure tree names."""
    with pikepdf.open(BytesIO(pdf)) as opened:
        return str(opened.docinfo.get("/Title", ""))


def test_figures_become_svg_in_their_order(browser: Browser) -> None:
    drawn = browser.draw([labelled("first"), labelled("second")])
    assert ["first" in drawn[0], "second" in drawn[1]] == [True, True]
    assert all(re.match(r"<svg [^>]*viewBox=\"0 0 300 200\"", text) for text in drawn)


def test_a_picture_has_twice_the_dots(browser: Browser) -> None:
    (png,) = browser.draw([Drawing({"data": [{"type": "bar", "y": [1]}]}, "t", 300, 200, "png", 2)])
    assert Image.open(BytesIO(base64.b64decode(png))).size == (600, 400)


def test_nothing_to_draw_is_nothing_drawn(browser: Browser) -> None:
    assert browser.draw([]) == []


def test_gaps_and_typed_arrays_are_drawn(browser: Browser) -> None:
    array = {"dtype": "f8", "bdata": base64.b64encode(b"\0" * 24).decode()}
    figure = {"data": [{"type": "scatter", "y": [1, float("nan"), float("inf")]}, {"type": "scatter", "y": array}]}
    (drawn,) = browser.draw([Drawing(figure, "t", 300, 200)])
    assert "<path" in drawn


@pytest.mark.parametrize("name", ["a\ud800b", "</script><script>", "__proto__", "\u2028", "日本 😀", "x" * 300])
def test_names_from_data_are_only_text(browser: Browser, name: str) -> None:
    (drawn,) = browser.draw(
        [Drawing({"data": [{"type": "bar", "x": [name, "b"], "y": [1, 2], "name": name}]}, "t", 300, 200)]
    )
    assert drawn.startswith("<svg")


def test_a_font_list_with_odd_names_is_used(browser: Browser) -> None:
    (drawn,) = browser.draw([bars(1, font={"family": "Source Sans 3, Helvetica, sans-serif"})])
    assert "Source Sans 3" in drawn


def test_a_figure_that_cannot_be_drawn_is_named_and_the_next_one_is_drawn(browser: Browser) -> None:
    world = {"data": [{"type": "choropleth", "locations": ["DEU"], "z": [1]}]}  # its map would come from the network
    with pytest.raises(RenderError, match="'Broken' cannot be drawn") as caught:
        browser.draw([bars(1), Drawing(world, "Broken", 300, 200)])
    assert caught.value.permanent
    assert browser.draw([bars(1)])


def test_many_threads_get_their_own_figures(browser: Browser) -> None:
    def draw(number: int) -> bool:
        wanted = [f"label-{number}-{part}" for part in range(3)]
        drawn = browser.draw([labelled(text) for text in wanted])
        return all(text in svg for text, svg in zip(wanted, drawn, strict=True))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(draw, range(24)))


def test_pages_are_printed_from_two_threads_at_once(browser: Browser) -> None:
    def printed(number: int) -> str:
        return text_of(browser.print_pdf(f"<!doctype html><html lang=en><title>page {number}</title><h1>x</h1></html>"))

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(printed, range(8))) == [f"page {number}" for number in range(8)]


def test_a_printed_page_is_tagged_and_has_bookmarks(browser: Browser) -> None:
    pdf = browser.print_pdf("<!doctype html><html lang=en><title>t</title><h1>One</h1><h2>Two</h2></html>")
    with pikepdf.open(BytesIO(pdf)) as opened:
        assert opened.Root.MarkInfo.Marked
        with opened.open_outline() as outline:
            (first,) = outline.root
            assert (first.title, [child.title for child in first.children]) == ("One", ["Two"])


def test_nothing_in_a_printed_page_runs(browser: Browser) -> None:
    script = "<script>document.title = 'ran'</script><img src=x onerror=\"document.title='ran'\">"
    assert text_of(browser.print_pdf(f"<!doctype html><title>still</title>{script}")) == "still"


def test_a_large_page_comes_back_whole(browser: Browser) -> None:
    rows = "".join(f"<tr><td>{number}</td><td>{'text ' * 12}</td></tr>" for number in range(4000))
    with pikepdf.open(BytesIO(browser.print_pdf(f"<!doctype html><table>{rows}</table>"))) as opened:
        assert len(opened.pages) > 60


class Listener:
    """A server on loopback that counts who comes."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.visits = 0
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            visitor, _ = self._socket.accept()
            with visitor:
                if visitor.recv(3) == b"end":
                    return
                self.visits += 1

    def close(self) -> None:
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"end")
        self._thread.join()
        self._socket.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_neither_pages_nor_figures_reach_the_network(browser: Browser, host: str) -> None:
    server = Listener()
    address = f"http://{host}:{server.port}/x.png"
    browser.print_pdf(
        f'<!doctype html><img src="{address}"><link rel=stylesheet href="{address}"><iframe src="{address}">'
    )
    browser.draw([bars(1, images=[{"source": address, "x": 0, "y": 1, "sizex": 1, "sizey": 1}])])
    server.close()
    assert server.visits == 0


def test_a_file_of_this_machine_is_not_printed(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "secret.html").write_text("<title>secret</title><p>secret</p>")
    empty = len(browser.print_pdf("<!doctype html><iframe></iframe>"))
    framed = len(browser.print_pdf(f'<!doctype html><iframe src="file://{tmp_path}/secret.html"></iframe>'))
    assert abs(framed - empty) < 2000


@pytest.mark.parametrize("noticed", [False, True])
@pytest.mark.parametrize("victim", ["group", "browser", "renderers"])
def test_work_goes_on_after_a_death(own_browser: Browser, victim: str, noticed: bool) -> None:
    first = own_browser.process_id
    assert first is not None
    if victim == "group":
        os.killpg(first, signal.SIGKILL)
    elif victim == "browser":
        os.kill(first, signal.SIGKILL)
    else:
        for child in psutil.Process(first).children(recursive=True):
            if "--type=renderer" in child.cmdline():
                child.kill()
    if noticed:
        threading.Event().wait(0.3)  # the news of it comes while nobody waits for an answer
    assert own_browser.draw([labelled("again")])[0].count("again")
    assert own_browser.print_pdf("<!doctype html><title>t</title>").startswith(b"%PDF")


def test_a_death_in_the_middle_is_tried_again(own_browser: Browser) -> None:
    first = own_browser.process_id
    assert first is not None
    rows = "<p>text</p>" * 8_000
    with ThreadPoolExecutor(1) as pool:
        printing = pool.submit(own_browser.print_pdf, f"<!doctype html><title>t</title>{rows}")
        threading.Event().wait(0.4)  # it is under way
        os.killpg(first, signal.SIGKILL)
        assert printing.result(60).startswith(b"%PDF")
    assert own_browser.process_id != first


def profiles() -> set[Path]:
    return set(Path(gettempdir()).glob(f"{PROFILE_PREFIX}{os.getpid()}-*"))


def test_closing_leaves_no_process_and_no_folder() -> None:
    before, threads = profiles(), threading.active_count()
    browser = Browser(find_browser(None))
    browser.warm_up()
    assert browser.process_id is not None
    children = psutil.Process(browser.process_id).children(recursive=True)
    assert len(profiles() - before) == 1
    browser.close()
    browser.close()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []
    assert profiles() == before
    assert threading.active_count() == threads
    with pytest.raises(RenderError, match="closed"):
        browser.draw([bars(1)])


def test_tabs_do_not_pile_up(own_browser: Browser) -> None:
    def renderers() -> int:
        assert own_browser.process_id is not None
        count = 0
        for child in psutil.Process(own_browser.process_id).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # a tab that was closed just now
                count += "--type=renderer" in child.cmdline()
        return count

    own_browser.print_pdf("<!doctype html><title>t</title>")
    before = renderers()
    for _ in range(20):
        own_browser.print_pdf("<!doctype html><title>t</title>")
    assert renderers() <= before + 2  # one may be ending, one waits in reserve


def test_the_browser_knows_nothing_of_the_runners_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAZETTE_SECRET_KEY", "do-not-tell")
    browser = Browser(find_browser(None))
    browser.print_pdf("<!doctype html><title>t</title>")
    assert browser.process_id is not None
    environment = psutil.Process(browser.process_id).environ()
    browser.close()
    assert set(environment) <= {"PATH", "HOME", "LANG", "TZ", "PWD", "SHLVL", "_", "OLDPWD", "CHROME_WRAPPER"} | {
        name for name in environment if name.startswith(("CHROME", "GTK", "LD_", "SBX"))
    }
    assert "do-not-tell" not in environment.values()


def test_a_program_that_is_no_browser_is_named() -> None:
    browser = Browser(Path("/bin/true"))
    with pytest.raises(RenderError, match="/bin/true did not start"):
        browser.print_pdf("<p>x</p>")
    browser.close()


def test_profiles_of_dead_runners_are_swept() -> None:
    dead = Path(gettempdir()) / f"{PROFILE_PREFIX}999999999-x"
    own = Path(gettempdir()) / f"{PROFILE_PREFIX}{os.getpid()}-x"
    for folder in (dead, own):
        folder.mkdir()
        (folder / "file").touch()
    sweep_profiles()
    assert (dead.exists(), own.exists()) == (False, True)
    (own / "file").unlink()
    own.rmdir()


def test_the_fixtures_figures_are_drawable(browser: Browser) -> None:
    figures = (report_notebooks.line_figure(), report_notebooks.bar_figure(), report_notebooks.heat_figure())
    assert len(browser.draw([Drawing(figure, "t", 425, 290) for figure in figures])) == 3
