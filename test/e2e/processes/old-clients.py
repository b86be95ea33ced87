"""Plays a client of both older servers with the standard library alone. Prints the answers as JSON."""
import json
import sys
import urllib.parse
import urllib.request

base, appid, secret = sys.argv[1:4]


def call(path, body=None, query=None):
    url = base + path + ("?" + urllib.parse.urlencode(query) if query else "")
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data)  # urllib sends a form's content type
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


app = {"appid": appid, "secret": secret}
print(json.dumps({
    "registe": call("/registe", {"appid": appid, "appsecret": secret, "tasks": [{"type": 0}, {"type": 1}]}),
    "task": call("/task/%s/0" % appid),
    "ticket": call("/task/%s/1" % appid),
    "create": call("/wechat/app/create", query={**app, "token": "x"}),
    "get": call("/%s/wechat/token/get" % appid, query={"secret": secret}),
    "ticket_get": call("/%s/wechat/ticket/get" % appid, query={"secret": secret}),
}))
