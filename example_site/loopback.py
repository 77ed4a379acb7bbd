"""Keeps the demo to the machine it runs on: its administrator's password is “admin”."""

from ipaddress import ip_address

from django.http import HttpResponseForbidden


class LoopbackOnly:
    """Refuses every request that does not come from the loopback interface."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if not is_loopback(request.META.get("REMOTE_ADDR", "")):
            return HttpResponseForbidden(
                "The demo answers only to the machine it runs on.\n", content_type="text/plain"
            )
        return self.get_response(request)


def is_loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
