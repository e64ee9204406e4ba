"""The doors: channel endpoints and the API on the public listener, the same and more on a socket."""
