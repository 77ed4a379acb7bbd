"""What stands at the other end of an agenda's « address in your back office »."""

from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def back_office(request, number):
    """Stands in for the software in which a town hall handles the case of a booking."""
    return render(request, "home/back_office.html", {"number": number})
