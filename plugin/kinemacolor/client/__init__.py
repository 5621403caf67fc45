"""The stream client: addresses, connections, clips in flight, a private server. numpy, grpc and wire only."""
