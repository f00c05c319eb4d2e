"""The ceiling: a grpcio server that takes the bytes of an export and answers at once.

Whatever a Python program that receives OTLP with grpcio does, it cannot cost less than this. Prints its port, then
serves until it is killed.
"""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


def main() -> None:
    """Serve on a free loopback port."""
    options = [("grpc.max_receive_message_length", 64 << 20), ("grpc.so_reuseport", 0)]
    # No (de)serializers: bytes in, an empty ExportTraceServiceResponse (no bytes) out.
    export = grpc.unary_unary_rpc_method_handler(lambda _request, _context: b"")
    handler = grpc.method_handlers_generic_handler(SERVICE, {"Export": export})
    server = grpc.server(ThreadPoolExecutor(max_workers=8), handlers=[handler], options=options)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening otlp_grpc 127.0.0.1:{port}\nready", file=sys.stderr, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
