"""The strictest Content-Security-Policy a host may have: what breaks under it fails here."""

STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)


class StrictContentSecurityPolicy:
    """Enforces the policy on the site, and only reports it in the admin.

    Wagtail's own editing forms carry inline scripts, which an enforced policy would stop. The
    browser fixture `watch` collects what either form of the policy objects to.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        header = "Content-Security-Policy"
        if request.path.startswith("/admin/"):
            header += "-Report-Only"
        response.headers.setdefault(header, STRICT)
        return response
