"""
A picture of a dashboard of Grafana, as far as its JSON says how it looks; the rest is drawn so that it reads well.
"""

import io
import textwrap

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

COLUMN, ROW = 50, 38  # pixels of a step of gridPos, as on a wide screen; then with what is left free between panels
PLACE = {"x": (COLUMN, 4), "y": (ROW, 4), "w": (COLUMN, -8), "h": (ROW, -8)}
DOTS, SHARP, SHADES = 100, 1.5, 128  # of those an inch; pixels of the file in one of those; its colors
COLORS = {"red": "#c4162a", "orange": "#e0691a", "green": "#37872d"}
LINES = ["#37872d", "#c98f00", "#1f60c4", "#8f3bb8", "#0f8a8a", "#c4162a"]
PAGE, CARD, EDGE, TEXT, FAINT = "#f4f5f5", "#ffffff", "#d5d7db", "#24292e", "#8a8f98"
STYLE = {"font.size": 8, "text.color": TEXT, "axes.edgecolor": EDGE, "axes.prop_cycle": mpl.cycler(color=LINES)}
UNITS = ((31536000, "years"), (604800, "weeks"), (86400, "days"), (3600, "hours"), (60, "mins"), (1, "s"))


def draw(board, answers, path):
    """
    Write a PNG file, in which there is nothing else: the same answers are the same file. These are ``{title of a panel:
    {legend: [(second, value), ...]}}``, the seconds from 0; no legends is no data.
    """
    high = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"]) * ROW
    end = max(points[-1][0] for found in answers.values() for points in found.values())
    with mpl.rc_context(STYLE), io.BytesIO() as whole:
        figure = Figure(figsize=(24 * COLUMN / DOTS, high / DOTS), dpi=DOTS)
        for panel in board["panels"]:
            _panel(figure, panel, answers[panel["title"]], end)
        figure.savefig(whole, dpi=SHARP * DOTS, facecolor=PAGE, metadata={"Software": None})
        Image.open(whole).convert("RGB").quantize(SHADES, dither=Image.Dither.NONE).save(path, optimize=True)


def _panel(figure, panel, found, end):
    wide, high = figure.bbox.size
    left, top, width, height = (panel["gridPos"][name] * size + more for name, (size, more) in PLACE.items())

    def axes(west, south, east, north):  # by margins within the panel
        across, up = width - west - east, height - south - north
        return figure.add_axes(((left + west) / wide, 1 - (top + north + up) / high, across / wide, up / high))

    card = axes(0, 0, 0, 0)
    card.set(xticks=[], yticks=[], facecolor=CARD)
    card.text(10 / width, 1 - 9 / height, textwrap.fill(panel["title"], width // 7), va="top", weight="bold")
    if not found:
        card.text(0.5, 0.45, "No data", ha="center", va="center", color=FAINT, size=12)
    elif panel["type"] == "stat":
        [(legend, [*_, (_, last)])] = found.items()
        said, color = _said(panel, last), _color(panel, legend, last)
        card.text(0.5, 0.43, said, ha="center", va="center", color=color, size=24, weight="bold")
    elif panel["type"] == "timeseries":
        _curves(axes(62, 51 + 15 * (len(found) > 3), 14, 34), panel, found, end)
    elif panel["type"] == "state-timeline":
        _states(axes(215, 34, 14, 34), panel, found, end)
    elif panel["type"] == "bargauge":
        _bars(axes(14, 10, 112, 40), panel, found)


def _curves(plot, panel, found, end):
    for legend, points in found.items():
        seconds, values = np.array(points).T
        # where there was no value for a while, nothing joins the ones before and after
        gaps = np.flatnonzero(np.diff(seconds) > 1.5) + 1
        plot.plot(np.insert(seconds, gaps, np.nan), np.insert(values, gaps, np.nan), label=legend, lw=1.4)
    counted = panel["fieldConfig"]["defaults"]["unit"] == "short"
    plot.yaxis.set_major_locator(mpl.ticker.MaxNLocator(5, steps=[1, 2, 5, 10], integer=counted))
    plot.yaxis.set_major_formatter(lambda value, _: _said(panel, value))
    plot.set_ylim(bottom=0)
    plot.grid(color=EDGE, lw=0.5)
    _seconds(plot, end)
    plot.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.11), ncols=3, frameon=False)


def _states(plot, panel, found, end):
    for row, (legend, points) in enumerate(found.items()):
        begins = [i for i, (_, value) in enumerate(points) if i == 0 or value != points[i - 1][1]]
        for begin, after in zip(begins, [*begins[1:], len(points) - 1], strict=True):
            (start, value), (stop, _) = points[begin], points[after]
            plot.barh(row, stop - start, 0.84, left=start, color=_color(panel, legend, value))
            plot.text((start + stop) / 2, row, _said(panel, value), color=CARD, ha="center", va="center")
    plot.set(ylim=(len(found) - 0.5, -0.5), yticks=range(len(found)), yticklabels=found)
    _seconds(plot, end)


def _bars(plot, panel, found):
    highest = max(points[-1][1] for points in found.values())
    for row, (legend, points) in enumerate(found.items()):
        value, color = points[-1][1], _color(panel, legend, points[-1][1])
        plot.barh(row, [highest, value], 0.4, color=[PAGE, color])
        plot.text(0, row - 0.3, legend)
        plot.text(1.02 * highest, row, _said(panel, value), va="center", color=color, weight="bold", size=10)
    plot.set(xlim=(0, highest), ylim=(len(found) - 0.6, -0.8))
    plot.set_axis_off()


def _seconds(plot, end):
    plot.set_xlim(0, end)
    plot.xaxis.set_major_locator(mpl.ticker.MultipleLocator(20))
    plot.xaxis.set_major_formatter(lambda value, _: f"{value // 60:.0f}:{value % 60:02.0f}")
    plot.tick_params(length=0, pad=5, labelcolor=FAINT)
    plot.spines[["top", "right", "left"]].set_visible(False)


def _color(panel, legend, value):
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    for override in panel["fieldConfig"]["overrides"]:
        if override["matcher"] == {"id": "byName", "options": legend}:
            [steps] = [each["value"]["steps"] for each in override["properties"] if each["id"] == "thresholds"]
    return COLORS[[step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]]


def _said(panel, value):
    if panel["fieldConfig"]["defaults"]["unit"] != "s":
        return f"{value:g}"
    size, name = next((each for each in UNITS if value >= each[0]), (0.001, "ms") if value else (1, "s"))
    return f"{value / size:.3g} {name}"
