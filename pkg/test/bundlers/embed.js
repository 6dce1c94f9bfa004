// A program that embeds a text with a model package that it names.
import { Embedder } from "crossrank";
import * as model from "crossrank-all-minilm-l6-v2";

const embedder = await Embedder.load({ model });
const [vector] = await embedder.embed(["a vector database"]);
console.log(JSON.stringify({ dimensions: vector.length }));
