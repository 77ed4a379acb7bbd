"""What a browser sends for the forms of the admin."""

from wagtail.test.utils.form_data import nested_form_data, streamfield

NO_BREAKS = {"count": "0"}


def weekly_row(weekdays=("0",), opens="09:00", closes="12:00", breaks=NO_BREAKS):
    value = {"weekdays": weekdays, "opens": opens, "closes": closes, "breaks": breaks}
    return ("weekly", value)


def one_off_row(date, opens="09:00", closes="12:00", breaks=NO_BREAKS):
    return ("one_off", {"date": date, "opens": opens, "closes": closes, "breaks": breaks})


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
    rest = [(kind, {**value, "weekdays": ""}) for kind, value in rows]
    data = nested_form_data({"label": label, "periods": streamfield(rest)})
    for number, (_kind, value) in enumerate(rows):
        data[f"periods-{number}-value-weekdays"] = list(value.get("weekdays") or ())
    return data | extra
