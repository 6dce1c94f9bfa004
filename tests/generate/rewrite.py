"""Changes to ONNX graphs that no exporter makes."""

import numpy as np
import onnx
from onnx import helper, numpy_helper


def initializers(model):
    return {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}


def add_initializer(model, name, array):
    model.graph.initializer.append(numpy_helper.from_array(array, name))


def replace_nodes(model, nodes):
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    used = {name for node in nodes for name in inputs(node)}
    kept = [i for i in model.graph.initializer if i.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    onnx.checker.check_model(model)
    return model


def strip_notes(model):
    """Removes the notes that exporters add to the graph: source paths, stack traces, value shapes."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    model.doc_string = model.graph.doc_string = ""
    for item in [*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer]:
        item.doc_string = ""
        del item.metadata_props[:]
    return model


def weights_only_int8(model):
    """Stores each MatMul's constant factor as int8, symmetric per column, behind DequantizeLinear."""
    arrays, nodes = initializers(model), []
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in arrays:
            name = node.input[1]
            weights = arrays[name]
            scale = (np.abs(weights).max(0) / 127).astype(np.float32)
            add_initializer(model, name + "_quantized", np.rint(weights / scale).astype(np.int8))
            add_initializer(model, name + "_scale", scale)
            add_initializer(model, name + "_zero_point", np.zeros(scale.shape, np.int8))
            parts = [name + suffix for suffix in ("_quantized", "_scale", "_zero_point")]
            nodes.append(helper.make_node("DequantizeLinear", parts, [name + "_dequantized"], axis=1))
            node.input[1] = name + "_dequantized"
        nodes.append(node)
    return replace_nodes(model, nodes)


def half_except(model, operators):
    """Converts to f16 what is not one of the operators. The converter puts casts at the end of the node list."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    converted = convert_float_to_float16(model, keep_io_types=True, op_block_list=operators)
    nodes = list(converted.graph.node)
    last = [node for node in nodes if node.op_type == "Cast"]
    del converted.graph.node[:]
    converted.graph.node.extend([node for node in nodes if node not in last] + last[::-1])
    return converted


def as_int32(model):
    """Declares the inputs as int32, which the graph casts to int64."""
    casts = []
    for value in model.graph.input:
        value.type.tensor_type.elem_type = onnx.TensorProto.INT32
        casts.append(helper.make_node("Cast", [value.name], [value.name + "_int64"], to=onnx.TensorProto.INT64))
        for node in model.graph.node:
            for i, name in enumerate(node.input):
                if name == value.name:
                    node.input[i] = value.name + "_int64"
    nodes = casts + list(model.graph.node)
    return replace_nodes(model, nodes)


def mask_constant(model, value):
    """Replaces the lowest float, which masks attention, by the value of exports before transformers 4.21."""
    lowest, changed = np.finfo(np.float32).min, 0
    tensors = list(model.graph.initializer)
    tensors += [a.t for n in model.graph.node if n.op_type == "Constant" for a in n.attribute if a.name == "value"]
    for tensor in tensors:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32 and array.size == 1 and array.item() == lowest:
            tensor.CopyFrom(numpy_helper.from_array(np.full_like(array, value), tensor.name))
            changed += 1
    assert changed, "the graph masks in some other way"
    return model


def inputs(node):
    """The names of the values that a node and its branches read."""
    branches = [a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH]
    return [*node.input, *(name for graph in branches for inner in graph.node for name in inputs(inner))]


def in_order(model):
    """A copy whose nodes come after their inputs: onnxruntime's quantizer ignores the inputs of branches."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    nodes, ordered = list(model.graph.node), []
    open_values = {name for node in nodes for name in node.output}
    while nodes:
        ready = [node for node in nodes if not open_values & set(inputs(node))]
        ordered += ready
        open_values -= {name for node in ready for name in node.output}
        nodes = [node for node in nodes if node not in ready]
    return replace_nodes(model, ordered)


def float_activations(model):
    """The same quantized weights with float activations: undoes DynamicQuantizeLinear.

    Exporters write MatMulInteger(quantized A, W) -> Cast -> Mul by (scale of A * scale of W).
    """
    arrays, nodes = initializers(model), []
    maker = {output: node for node in model.graph.node for output in node.output}
    users = {}
    for node in model.graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node)
    for node in model.graph.node:
        if node.op_type == "MatMulInteger":
            quantized, weights, _, zero = node.input
            cast = users[node.output[0]][0]
            scaled = users[cast.output[0]][0]
            if weights in maker:
                factor = maker[weights].input[0]
            else:
                scales = maker[next(name for name in scaled.input if name != cast.output[0])]
                scale = next(arrays[name] for name in scales.input if name in arrays)
                factor = weights + "_float"
            if weights in arrays and not any(i.name == factor for i in model.graph.initializer):
                values = (arrays[weights].astype(np.float32) - arrays[zero].astype(np.float32)) * scale
                add_initializer(model, factor, values.astype(np.float32))
            product = helper.make_node("MatMul", [maker[quantized].input[0], factor], [scaled.output[0]])
            replaced = scaled.output[0]
            nodes = [n for n in nodes if replaced not in n.output]
            nodes.append(product)
        elif not any(name in {p.output[0] for p in nodes if p.op_type == "MatMul"} for name in node.output):
            nodes.append(node)
    live, kept = {output.name for output in model.graph.output}, []
    for node in reversed(nodes):
        if live & set(node.output):
            kept.append(node)
            live |= set(inputs(node))
    return replace_nodes(model, kept[::-1])
