"""Calls WeChat's API with the standard library alone, at the address of a token server. Prints the answers as JSON."""
import json
import sys
import urllib.parse
import urllib.request

base, appid, secret = sys.argv[1:4]


def call(path, body=None, **query):
    url = base + path + "?" + urllib.parse.urlencode(query)
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=data), timeout=30) as response:
        return json.load(response)


got = call("/cgi-bin/token", grant_type="client_credential", appid=appid, secret=secret)
token = got["access_token"]
print(json.dumps({
    "token": got,
    "ticket": call("/cgi-bin/ticket/getticket", access_token=token, type="jsapi"),
    "user": call("/cgi-bin/user/info", access_token=token, openid="o1"),
    "message": call("/cgi-bin/message/custom/send", access_token=token, body={"touser": "o1", "msgtype": "text"}),
    "wrong": call("/cgi-bin/user/info", access_token="x", openid="o1"),
}))
