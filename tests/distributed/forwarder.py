"""The network of one machine, as a process: connections to a port of ours go on to another one. Paused, it holds what it has.

`python forwarder.py PORT` prints its own port. A frozen machine is a paused process and a paused forwarder: what the
process had sent and the forwarder had not passed on arrives when the machine thaws.
"""

import contextlib
import socket
import socketserver
import sys
import threading

PIECE_BYTES = 65_536
HOST = "127.0.0.1"


def pass_on(source, target):
    with contextlib.suppress(OSError):
        while piece := source.recv(PIECE_BYTES):
            target.sendall(piece)
    for one in (source, target):  # an end in one direction ends both: HTTP knows no half connection
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        with socket.create_connection((HOST, self.server.to_port)) as far:
            back = threading.Thread(target=pass_on, args=(far, self.request), daemon=True)
            back.start()
            pass_on(self.request, far)
            back.join()


class Forwarder(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64


def main():
    with Forwarder((HOST, 0), Handler) as server:
        server.to_port = int(sys.argv[1])
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
