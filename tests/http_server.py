"""An HTTP server on this machine that notes what it is asked and answers as it is told."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from wagtail_agenda.webhooks import Call, perform


class Server:
    """Answers every request with `answer`: status, headers and body.

    `answers` are used up first, one a request; `drip` is called with the handler instead, to answer
    by hand or not at all. `received` has method, path, headers and body of each request.
    """

    def __init__(self, tls=None):
        self.received = []
        self.answer = (200, {}, b"{}")
        self.answers = []
        self.drip = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                if len(body) < length:
                    # Whoever called has died in the middle of it.
                    return
                outer.received.append((self.command, self.path, dict(self.headers), body))
                if outer.drip is not None:
                    outer.drip(self)
                    return
                status, headers, body = outer.answers.pop(0) if outer.answers else outer.answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do

            def log_message(self, *_arguments):
                """Says nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        if tls is not None:
            self.http.socket = tls.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        self.url = f"http://{self.host}/hook/"
        threading.Thread(target=self.http.serve_forever, args=[0.01], daemon=True).start()

    def call(self, method="POST", path="", headers=None, body=b"{}", **options):
        """Call it without an outbox, as one of the hosts that may be called."""
        options = {"trusted_hosts": [self.host], **options}
        return perform(Call(method, self.url + path, headers or {}, body), **options)

    def stop(self):
        """Answer nobody any more."""
        self.http.shutdown()
        self.http.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self.stop()
