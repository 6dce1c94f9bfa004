"""One program of the benchmark: `worker.py PROGRAM MODEL` reads pairs as JSON from standard input, and writes what
it measured as JSON. PROGRAM is crossrank, torch or onnx."""

import json
import os
import resource
import sys
import time

ROUND_SECONDS = 5


def peak_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


program, folder = sys.argv[1:]
given = json.load(sys.stdin)
os.sched_setaffinity(0, {given["core"]})
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")

start = time.perf_counter()
if program == "crossrank":
    from crossrank import CrossEncoder
else:
    from sentence_transformers import CrossEncoder
imported = time.perf_counter()
options = {}
if program == "crossrank":
    # Documents are cut as by the others.
    options = {"num_threads": 1, "max_length": 512}
elif program == "torch":
    options = {"device": "cpu"}
else:
    import onnxruntime

    session = onnxruntime.SessionOptions()
    session.intra_op_num_threads = 1
    graph = {
        "file_name": "onnx/model_quantized.onnx",
        "provider": "CPUExecutionProvider",
        "session_options": session,
    }
    options = {"device": "cpu", "backend": "onnx", "model_kwargs": graph}
model = CrossEncoder(folder, **options)
model.predict([("a", "b")])
loaded = time.perf_counter()
after_loading = peak_megabytes()


def identity(logits):
    return logits


golden = model.predict(given["golden"], activation_fn=identity, show_progress_bar=False).tolist()
pairs, count, start_of_round = given["pairs"], 0, time.perf_counter()
while count == 0 or time.perf_counter() - start_of_round < ROUND_SECONDS:
    model.predict(pairs, batch_size=32, show_progress_bar=False)
    count += len(pairs)
rate = count / (time.perf_counter() - start_of_round)
json.dump(
    {
        "import": imported - start,
        "load": loaded - imported,
        "rate": rate,
        "after_loading": after_loading,
        "peak": peak_megabytes(),
        "golden": golden,
    },
    sys.stdout,
)
