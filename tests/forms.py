"""What a browser sends for the forms of the admin."""

from wagtail.test.utils.form_data import nested_form_data, streamfield

NO_BREAKS = {"count": "0"}


def weekly_row(weekdays=("0",), opens="09:00", closes="12:00", breaks=NO_BREAKS, season=()):
    """`season` is ``(from, until, repeats)``, of which the end may be left out."""
    value = {"weekdays": weekdays, "opens": opens, "closes": closes, "breaks": breaks}
    return ("weekly", {**value, "season": season_fields(*season)})


def monthly_row(ordinals=("1",), **of_weekly):
    kind, value = weekly_row(**of_weekly)
    return ("monthly", {"ordinals": ordinals, **value})


def season_fields(begin="", end="", repeats=""):
    return {"from": begin, "until": end, "repeats": repeats}


def one_off_row(date, opens="09:00", closes="12:00", breaks=NO_BREAKS, replaces=False):
    value = {"date": date, "opens": opens, "closes": closes, "breaks": breaks}
    return ("one_off", {**value, "replaces": "on"} if replaces else value)


def break_rows(*pairs):
    """Breaks as ``(from, until)`` pairs."""
    rows = {"count": str(len(pairs))}
    for number, (begin, end) in enumerate(pairs):
        rows |= {
            f"{number}-deleted": "",
            f"{number}-order": str(number),
            f"{number}-type": "item",
            f"{number}-id": "",
            f"{number}-value-from": begin,
            f"{number}-value-until": end,
        }
    return rows


def schedule_data(*rows, label="Hours", **extra):
    """The form of a schedule with these periods."""
    # Several ticked boxes are one name sent several times, which `nested_form_data` cannot say.
    several = ("ordinals", "weekdays")
    rest = [(kind, {**value, **dict.fromkeys(several, "")}) for kind, value in rows]
    data = nested_form_data({"label": label, "periods": streamfield(rest)})
    for number, (_kind, value) in enumerate(rows):
        for name in several:
            data[f"periods-{number}-value-{name}"] = list(value.get(name) or ())
    return data | extra
