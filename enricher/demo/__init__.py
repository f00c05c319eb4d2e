"""The demonstration: recorded traffic of real SDKs, replayed with fresh ids and times through the real gRPC door."""
