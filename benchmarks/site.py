"""The example site as gunicorn serves it to the benchmark `http`, counting its queries aloud."""

from collections.abc import Callable

from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpRequest, HttpResponse

QUERIES = "X-Queries"
"""The header that says how many queries an answer took."""


def count_queries(get_response: Callable) -> Callable:
    """Middleware that puts the number of queries into the header `QUERIES`."""

    def answer(request: HttpRequest) -> HttpResponse:
        asked = []

        def note(execute, sql, *arguments):
            asked.append(sql)
            return execute(sql, *arguments)

        with connection.execute_wrapper(note):
            response = get_response(request)
        response[QUERIES] = str(len(asked))
        return response

    return answer


application = get_wsgi_application()
