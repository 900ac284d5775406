"""A webhook's far end with nothing beside it: prints the port, then for each request the time at which its body was whole.

A process and one thread of its own, so that no other thread of Python's holds it up for its 5 ms."""
import re
import selectors
import socket
import time


def main():
    server = socket.create_server(("127.0.0.1", 0))
    ready = selectors.DefaultSelector()
    ready.register(server, selectors.EVENT_READ)
    print(server.getsockname()[1], flush=True)
    bodies = {}
    while True:
        for key, _ in ready.select():
            if key.fileobj is server:
                peer, _ = server.accept()
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                bodies[peer] = b""
                ready.register(peer, selectors.EVENT_READ)
                continue
            peer = key.fileobj
            try:
                got = peer.recv(1 << 20)
            except ConnectionResetError:
                got = b""
            if not got:
                ready.unregister(peer)
                peer.close()
                del bodies[peer]
                continue
            bodies[peer] += got
            head, blank, body = bodies[peer].partition(b"\r\n\r\n")
            length = re.search(rb"(?i)content-length: *(\d+)", head)
            if blank and len(body) >= (int(length[1]) if length else 0):
                print(time.time(), flush=True)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                bodies[peer] = b""


main()
