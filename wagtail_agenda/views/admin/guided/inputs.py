"""Inputs for times and dates that browsers know, so that they need no script."""

from django import forms

from wagtail_agenda.timegrid import CELL_MINUTES

WORKING_DAYS = range(5)


class TimeInput(forms.TimeInput):
    input_type = "time"

    def __init__(self):
        super().__init__(format="%H:%M", attrs={"step": CELL_MINUTES * 60})


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self):
        super().__init__(format="%Y-%m-%d")
