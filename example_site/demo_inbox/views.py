"""What the demo sent: every mail with its headers, parts and attachments."""

import re
from email.message import EmailMessage

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from example_site.demo_inbox import mail
from example_site.loopback import is_loopback

PER_PAGE = 20
SHOWN_HEADERS = ("From", "To", "Reply-To", "Subject", "Date", "Message-ID")


def local_only(view):
    """Mails hold addresses and manage links: they are shown to this machine alone."""

    def wrapped(request: HttpRequest, *args, **kwargs) -> HttpResponse:
        if not is_loopback(request.META.get("REMOTE_ADDR", "")):
            raise Http404
        return view(request, *args, **kwargs)

    return never_cache(require_safe(wrapped))


@local_only
def inbox(request: HttpRequest) -> HttpResponse:
    paginator = Paginator(mail.newest_first(), PER_PAGE)
    mailbox = paginator.get_page(request.GET.get("page"))
    found = (mail.read(name) for name in mailbox.object_list)
    return render(
        request,
        "demo_inbox/inbox.html",
        {
            "mails": [described(item) for item in found if item],
            "mailbox": mailbox,
            "folder": settings.DEMO_MAIL_FOLDER,
        },
    )


def described(item: mail.Mail) -> dict:
    """Returns what the template shows of a mail."""
    message = item.message
    return {
        "name": item.name,
        "delivered": item.delivered,
        "subject": message.get("Subject", ""),
        "to": message.get("To", ""),
        "headers": [(name, message[name]) for name in SHOWN_HEADERS if message[name]],
        "parts": [part_described(number, part) for number, part in enumerate(mail.leaves(message))],
    }


def part_described(number: int, part: EmailMessage) -> dict:
    content_type = part.get_content_type()
    attached = part.get_content_disposition() == "attachment"
    return {
        "number": number,
        "content_type": content_type,
        "method": part.get_param("method"),
        "attachment": attached,
        "filename": part.get_filename() or f"part-{number}",
        "size": len(part.get_payload(decode=True) or b""),
        "html": content_type == "text/html" and not attached,
        "text": mail.text_of(part)
        if content_type in ("text/plain", "text/calendar") and not attached
        else None,
    }


@local_only
def source(request: HttpRequest, name: str) -> HttpResponse:
    return download(requested(name).content, "message/rfc822", f"{name}.eml")


@local_only
def part(request: HttpRequest, name: str, number: int) -> HttpResponse:
    found = requested_part(name, number)
    return download(
        found.get_payload(decode=True) or b"",
        found.get_content_type(),
        found.get_filename() or f"part-{number}",
    )


@local_only
@xframe_options_sameorigin
def html_part(request: HttpRequest, name: str, number: int) -> HttpResponse:
    """The HTML of a mail, to be shown in a frame in which nothing runs and nothing is loaded."""
    found = requested_part(name, number)
    if found.get_content_type() != "text/html":
        raise Http404
    # Links leave the frame, as they leave a mail program.
    html = re.sub(
        r"<head[^>]*>", r'\g<0><base target="_top">', mail.text_of(found), count=1, flags=re.I
    )
    response = HttpResponse(html)
    response["Content-Security-Policy"] = (
        "sandbox allow-top-navigation-by-user-activation; default-src 'none'; "
        "img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'"
    )
    response["X-Content-Type-Options"] = "nosniff"
    return response


def download(content: bytes, content_type: str, filename: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    safe_name = re.sub(r"[^\w.-]+", "-", filename, flags=re.ASCII).strip("-.") or "part"
    response["Content-Disposition"] = f'attachment; filename="{safe_name}"'
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    return response


def requested(name: str) -> mail.Mail:
    found = mail.read(name)
    if found is None:
        raise Http404
    return found


def requested_part(name: str, number: int) -> EmailMessage:
    parts = mail.leaves(requested(name).message)
    if number >= len(parts):
        raise Http404
    return parts[number]
