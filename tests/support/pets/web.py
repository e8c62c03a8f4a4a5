"""The web front end of the Pets application: a page per tenant with a hit counter kept in that tenant's Redis.

Environment: DB=HOST[:PORT] of the Redis (found by name), ROLE=cat or dog, PORT to listen on (5000).
Pages: /          the page, for people          /hits      the same as JSON
       /download  ?size=BYTES&seconds=N: random-looking bytes over N seconds; the header X-Sha256 tells what must arrive
       /health    answers without the database
"""

import hashlib
import os
import socket
import time

import redis
from flask import Flask, Response, jsonify, request

ROLE = os.environ.get("ROLE", "pet")
DB_HOST, _, DB_PORT = os.environ.get("DB", "db").partition(":")
COLOURS = {"cat": "#f6d7b0", "dog": "#b9d8f2"}
PIECE_BYTES = 16384

app = Flask(__name__)


def count_hit():
    # A new connection per page: each page also proves that the name still resolves.
    with redis.Redis(host=DB_HOST, port=int(DB_PORT or 6379), socket_timeout=5, socket_connect_timeout=5) as db:
        return db.incr("hits")


def facts(hits):
    return {"role": ROLE, "hits": hits, "container": socket.gethostname(), "client": request.remote_addr, "db": DB_HOST}


@app.errorhandler(redis.RedisError)
def database_is_away(error):
    return Response(f"the {ROLE} database '{DB_HOST}' does not answer: {error}\n", status=503, mimetype="text/plain")


@app.get("/")
def page():
    shown = facts(count_hit())
    colour = COLOURS.get(ROLE, "#dddddd")
    return f"""<!doctype html>
<title>{shown['role']}s</title>
<body style="background:{colour};font-family:sans-serif;text-align:center">
<h1>You are looking at the {shown['role']}s</h1>
<p>This page was seen {shown['hits']} times. Database: {shown['db']}</p>
<p>Served by {shown['container']} for {shown['client']}</p>
</body>
"""


@app.get("/hits")
def hits():
    return jsonify(facts(count_hit()))


@app.get("/health")
def health():
    return "ok\n"


def piece(number):
    return hashlib.sha256(f"{ROLE} {number}".encode()).digest() * (PIECE_BYTES // 32)


@app.get("/download")
def download():
    pieces = max(1, int(request.args.get("size", 1 << 20)) // PIECE_BYTES)
    pause = float(request.args.get("seconds", 0)) / pieces
    digest = hashlib.sha256()
    for number in range(pieces):
        digest.update(piece(number))

    def body():
        for number in range(pieces):
            yield piece(number)
            time.sleep(pause)

    headers = {"X-Sha256": digest.hexdigest(), "Content-Length": str(pieces * PIECE_BYTES)}
    return Response(body(), headers=headers, mimetype="application/octet-stream")


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=int(os.environ.get("PORT", "5000")), threaded=True)
