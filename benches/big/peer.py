"""ONNX Runtime for run.py: answers each line, a JSON request, with a line, as the example `bench_worker` does.

- {"op": "load", "model": FOLDER, "threads": N} loads FOLDER/onnx/model_quantized.onnx.
- {"op": "prepare", "ids": [[...], ...], "batch": N} keeps sequences, which are run in batches of N. Without "types"
  beside "ids", all tokens have type 0.
- {"op": "run"} scores them: {"ms_total", "logits"}.
"""

import json
import sys
import time

import numpy as np
import onnxruntime as ort


def batches(ids, types, size):
    """Batches, shortest first, each padded to its longest sequence: (indices, input_ids, attention_mask, types)."""
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    for start in range(0, len(order), size):
        indices = order[start : start + size]
        shape = (len(indices), max(len(ids[i]) for i in indices))
        rows, mask, kinds = np.ones(shape, np.int64), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, i in enumerate(indices):
            rows[row, : len(ids[i])] = ids[i]
            mask[row, : len(ids[i])] = 1
            kinds[row, : len(ids[i])] = types[i]
        yield indices, rows, mask, kinds


def main():
    session, ids, types, size = None, [], [], 1
    for line in sys.stdin:
        request = json.loads(line)
        answer = {"ok": True}
        if request["op"] == "load":
            options = ort.SessionOptions()
            options.intra_op_num_threads = request["threads"]
            session = ort.InferenceSession(f"{request['model']}/onnx/model_quantized.onnx", options,
                                           providers=["CPUExecutionProvider"])
        elif request["op"] == "prepare":
            ids, size = request["ids"], request["batch"]
            types = request.get("types") or [[0] * len(row) for row in ids]
        else:
            logits = [0.0] * len(ids)
            start = time.perf_counter()
            for indices, rows, mask, kinds in batches(ids, types, size):
                feed = {"input_ids": rows, "attention_mask": mask, "token_type_ids": kinds}
                out = session.run(None, {i.name: feed[i.name] for i in session.get_inputs()})[0]
                for i, row in zip(indices, out):
                    logits[i] = float(row[0])
            answer = {"ms_total": (time.perf_counter() - start) * 1e3, "logits": logits}
        print(json.dumps(answer), flush=True)


main()
