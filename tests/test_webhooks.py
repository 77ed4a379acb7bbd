"""Calls to other systems: where they may go, what they send, and what comes of every answer."""

import base64
import json
import socket
import ssl
import threading
from datetime import datetime, timezone

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from tests.http_server import Server
from wagtail_agenda import webhooks
from wagtail_agenda.webhooks import (
    Call,
    PermanentFailure,
    TemporaryFailure,
    is_public,
    perform,
    target_of,
    webhook_headers,
)

NOW = datetime(2026, 1, 15, 10, tzinfo=timezone.utc)


@pytest.fixture
def server():
    with Server() as made:
        yield made


def failing(kind, **facts):
    """The failure's reason, after its other facts were looked at."""

    def check(failure):
        assert isinstance(failure.value, kind)
        for name, value in facts.items():
            assert getattr(failure.value, name) == value
        return failure.value.reason

    return check


class TestWhatIsSent:
    def test_method_path_headers_and_body(self, server):
        server.answer = (200, {"Content-Type": "application/json"}, b'{"done": true}')
        answer = server.call(
            path="?a=%C3%A9&b=1+2", headers={"X-Town": "Fairbridge"}, body=b'{"id": 7}'
        )
        ((method, path, headers, body),) = server.received
        assert (method, path, body) == ("POST", "/hook/?a=%C3%A9&b=1+2", b'{"id": 7}')
        assert headers["Host"] == server.host
        assert headers["X-Town"] == "Fairbridge"
        assert headers["User-Agent"] == "wagtail-agenda"
        assert headers["Accept-Encoding"] == "identity"
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert answer.json == {"done": True}

    def test_letters_that_an_address_cannot_have_are_quoted(self, server):
        server.call("GET", path="mairie-é?q=où", body=b"")
        ((method, path, _headers, body),) = server.received
        assert (method, path, body) == ("GET", "/hook/mairie-%C3%A9?q=o%C3%B9", b"")

    @pytest.mark.parametrize(
        "headers",
        [
            {"Host": "other.example"},
            {"content-length": "1"},
            {"Transfer-Encoding": "chunked"},
            {"X": "a\r\nY: b"},
            {"X\r\nY": "b"},
            {"X Y": "b"},
            {"X": "é" * 3 + "→"},
        ],
    )
    def test_headers_that_would_say_something_else_are_refused(self, server, headers):
        with pytest.raises(PermanentFailure):
            server.call(headers=headers)
        assert server.received == []


class TestWhatComesBack:
    @pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"NaN", b"[" * 60_000])
    def test_what_is_no_json_is_none(self, server, body):
        server.answer = (204 if not body else 200, {}, body)
        assert server.call().json is None

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    def test_busy_or_broken_is_tried_again(self, server, status):
        server.answer = (status, {"Retry-After": "120"}, b"later")
        with pytest.raises(TemporaryFailure) as failure:
            server.call()
        reason = failing(TemporaryFailure, status=status, retry_after=120, gone=False)(failure)
        assert str(status) in reason
        assert server.host in reason
        assert "later" not in reason

    @pytest.mark.parametrize(
        ("said", "understood"),
        [("", None), ("-5", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("999999999", 86_400)],
    )
    def test_how_long_to_wait(self, server, said, understood):
        server.answer = (503, {"Retry-After": said} if said else {}, b"")
        with pytest.raises(TemporaryFailure) as failure:
            server.call()
        assert failure.value.retry_after == understood

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
    def test_a_refusal_is_for_good(self, server, status):
        server.answer = (status, {}, b"no")
        with pytest.raises(PermanentFailure) as failure:
            server.call()
        failing(PermanentFailure, status=status, gone=False)(failure)

    def test_who_wants_no_more_calls_is_known(self, server):
        server.answer = (410, {}, b"")
        with pytest.raises(PermanentFailure) as failure:
            server.call()
        failing(PermanentFailure, status=410, gone=True)(failure)

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_nothing_is_redirected(self, server, status):
        server.answer = (status, {"Location": "http://10.0.0.1/inside"}, b"")
        with pytest.raises(PermanentFailure) as failure:
            server.call()
        assert "inside" not in failing(PermanentFailure, status=status)(failure)
        assert len(server.received) == 1

    def test_an_answer_without_end_is_cut_off(self, server):
        server.answer = (200, {}, b"x" * (webhooks.MOST_ANSWERED + 1))
        with pytest.raises(PermanentFailure, match="65536"):
            server.call()
        server.answer = (200, {}, b"x" * webhooks.MOST_ANSWERED)
        assert len(server.call().body) == webhooks.MOST_ANSWERED

    def test_nobody_is_there(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            host = f"127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(TemporaryFailure) as failure:
                perform(Call("POST", f"http://{host}/"), trusted_hosts=[host])
        assert host in failure.value.reason

    def test_a_host_that_nobody_knows(self):
        def unknown(host, port):
            raise socket.gaierror("Name or service not known")

        with pytest.raises(TemporaryFailure, match="not known"):
            perform(Call("POST", "https://nowhere.example/"), resolve=unknown)

    @pytest.mark.parametrize(
        "drip",
        [
            lambda handler, over: over.wait(10),
            lambda handler, over: [
                handler.wfile.write(b"X") and over.wait(0.05) for _n in range(200)
            ],
            lambda handler, over: [
                handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n"),
                *(handler.wfile.write(b"x") and over.wait(0.05) for _n in range(200)),
            ],
        ],
        ids=["silent", "drips a header", "drips a body"],
    )
    def test_whoever_is_slow_is_hung_up_on(self, server, drip):
        over = threading.Event()

        def slowly(handler):
            try:
                drip(handler, over)
            except OSError:
                over.set()

        server.drip = slowly
        try:
            with pytest.raises(TemporaryFailure, match="did not answer"):
                server.call(seconds=0.4)
        finally:
            over.set()

    @pytest.mark.parametrize(
        "said", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"]
    )
    def test_an_answer_that_is_none(self, server, said):
        server.drip = lambda handler: handler.wfile.write(said)
        with pytest.raises(TemporaryFailure, match="broke"):
            server.call()


class TestWhereItMayGo:
    @pytest.mark.parametrize(
        "url",
        [
            "",
            "town",
            "//town.example/",
            "ftp://town.example/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://",
            "https:///path",
            "https://town.example:99999/",
            "https://town.example:abc/",
            "https://[::1",
            "https://town.example\\@127.0.0.1/",
            "https://town.example/\r\nX: y",
            "https://town.example/ x",
            "https://" + "a" * 70 + ".example/",
            "https://" + "a." * 1500 + "example/",
        ],
    )
    def test_what_is_no_address(self, url):
        with pytest.raises(PermanentFailure, match="no web address"):
            target_of(url)

    @pytest.mark.parametrize(
        "url",
        [
            "https://user@town.example/",
            "https://user:word@town.example/",
            "http://town.example/",
            "https://town.example:8443/",
        ],
    )
    def test_what_only_hosts_of_ones_own_may(self, url):
        with pytest.raises(PermanentFailure):
            target_of(url)

    def test_hosts_of_ones_own(self):
        assert target_of("http://forms.internal/x", ["forms.internal"]).name == "forms.internal"
        assert target_of("http://forms.internal:81/", ["Forms.Internal:81"]).port == 81
        with pytest.raises(PermanentFailure):
            target_of("http://forms.internal:82/", ["forms.internal:81"])
        with pytest.raises(PermanentFailure):
            target_of("http://evil.forms.internal/", ["forms.internal"])

    def test_what_the_address_is_read_as(self):
        target = target_of("HTTPS://Mairie.ÉXAMPLE./a?b#c")
        assert (target.host, target.port, target.path) == ("mairie.xn--xample-9ua", 443, "/a?b")
        assert target_of("https://[2001:db8::1]/").name == "[2001:db8::1]"

    @pytest.mark.parametrize(
        "address",
        [
            "0.0.0.0",  # noqa: S104
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "fc00::1",
            "fe80::1",
            "fe80::1%eth0",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "town.example",
            "",
        ],
    )
    def test_what_is_not_public(self, address):
        assert not is_public(address)

    @pytest.mark.parametrize(
        "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"]
    )
    def test_what_is_public(self, address):
        assert is_public(address)

    @given(st.ip_addresses(v=4))
    def test_what_is_wrapped_is_judged_by_what_is_in_it(self, address):
        public = is_public(str(address))
        assert is_public(f"::ffff:{address}") == public
        assert is_public(f"64:ff9b::{address}") == public

    @pytest.mark.parametrize(
        "found",
        [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["93.184.216.34", "::1"]],
    )
    def test_one_internal_address_is_one_too_many(self, server, found):
        with pytest.raises(PermanentFailure, match="not on the public internet"):
            perform(Call("POST", "https://town.example/"), resolve=lambda host, port: found)
        assert server.received == []

    @pytest.mark.parametrize(
        "host", ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost", "[::1]"]
    )
    def test_this_machine_by_other_names(self, host):
        with pytest.raises((PermanentFailure, TemporaryFailure)) as failure:
            perform(Call("POST", f"https://{host}/"))
        assert "connection" not in failure.value.reason

    def test_it_goes_where_it_was_looked_up_once(self, server):
        asked = []

        def rebinding(host, port):
            asked.append((host, port))
            return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.9"]

        host = f"town.internal:{server.port}"
        call = Call("POST", f"http://{host}/x", body=b"{}")
        perform(call, trusted_hosts=[host], resolve=rebinding)
        assert asked == [("town.internal", server.port)]
        assert server.received[0][2]["Host"] == host

    def test_no_proxy_is_asked(self, server, monkeypatch):
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        assert server.call().status == 200

    def test_a_second_address_is_tried_where_the_first_takes_none(self, server):
        host = f"town.internal:{server.port}"
        answer = perform(
            Call("POST", f"http://{host}/"),
            trusted_hosts=[host],
            resolve=lambda *_asked: ["127.0.0.77", "127.0.0.1"],
        )
        assert answer.status == 200


class TestSecurely:
    @pytest.fixture
    def authority(self):
        return trustme.CA()

    @pytest.fixture
    def secure_server(self, authority):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("town.example").configure_cert(context)
        made = Server(context)
        yield made
        made.http.shutdown()
        made.http.server_close()

    def call(self, server, authority, name="town.example"):
        context = ssl.create_default_context()
        authority.configure_trust(context)
        host = f"{name}:{server.port}"
        return perform(
            Call("POST", f"https://{host}/hook/", body=b"{}"),
            trusted_hosts=[host],
            resolve=lambda *_asked: ["127.0.0.1"],
            tls=context,
        )

    def test_the_certificate_is_that_of_the_name(self, secure_server, authority):
        assert self.call(secure_server, authority).status == 200
        assert secure_server.received[0][2]["Host"] == f"town.example:{secure_server.port}"

    def test_the_certificate_of_another_name(self, secure_server, authority):
        with pytest.raises(TemporaryFailure, match="No secure connection"):
            self.call(secure_server, authority, "other.example")
        assert secure_server.received == []

    def test_an_authority_that_nobody_trusts(self, secure_server):
        with pytest.raises(TemporaryFailure, match="No secure connection"):
            self.call(secure_server, trustme.CA())


class TestStandardWebhooks:
    def test_the_example_of_the_specification(self):
        headers = webhook_headers(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            b'{"test": 2432232314}',
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            datetime.fromtimestamp(1614265330, timezone.utc),
        )
        assert headers == {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        }

    def test_a_secret_of_another_form_is_the_key_itself(self):
        key = b"any words at all"
        wrapped = "whsec_" + base64.b64encode(key).decode()
        body = json.dumps({"id": 1}).encode()
        assert webhook_headers("a", body, key.decode(), NOW) == webhook_headers(
            "a", body, wrapped, NOW
        )

    def test_a_retry_keeps_its_name_and_takes_a_new_time(self):
        first = webhook_headers("a", b"{}", "x", NOW)
        later = webhook_headers("a", b"{}", "x", NOW.replace(minute=5))
        assert first["webhook-id"] == later["webhook-id"]
        assert first["webhook-signature"] != later["webhook-signature"]
