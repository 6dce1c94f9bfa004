// The programs that do what the playground shows.

import { documentsIn } from "./state.js";

export const LANGUAGES = { js: "JavaScript", rust: "Rust", command: "Command", curl: "curl" };

/** The program in a language for a state. */
export function codeFor(language, state) {
  const documents = documentsIn(state);
  return { js, rust, command, curl }[language]({ ...state, documents });
}

const json = (value) => JSON.stringify(value);
const list = (items, quote) => items.map((item) => `  ${quote(item)},\n`).join("");
const shell = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

function js({ query, documents, model, name, device, threads }) {
  const options = [
    model === "local" && 'model: "path/to/model"',
    device !== "cpu" && `device: ${json(device)}`,
    threads !== "auto" && `workers: ${threads}`,
  ].filter(Boolean);
  const object = options.length > 0 ? `{ ${options.join(", ")} }` : "";
  const values = [model === "hub" && json(name), object].filter(Boolean).join(", ");
  return `import { Reranker } from "crossrank";

const query = ${json(query)};
const documents = [
${list(documents, json)}];
const reranker = await Reranker.load(${values});
const { results } = await reranker.rerank(query, documents);
for (const { score, document } of results) console.log(score.toFixed(4), document);
await reranker.dispose();
`;
}

function rust({ query, documents, model, name, device }) {
  const quote = (text) =>
    `"${text.replace(/["\\]/g, "\\$&").replaceAll("\n", "\\n").replaceAll("\t", "\\t")}"`;
  const files = {
    bundled: "",
    local: "",
    hub: `    let files = hub::pull(${quote(name)}, &HubOptions::from_env())?.read()?;\n`,
  }[model];
  const loaded = {
    bundled: "Reranker::bundled()?",
    local: 'Reranker::load("path/to/model")?',
    hub: "Reranker::from_files(&files, Default::default())?",
  }[model];
  const uses = model === "hub" ? "use crossrank::hub::{self, HubOptions};\n" : "";
  const gpu = device === "cpu" ? "" : "    // On a GPU: see Reranker::on_gpu and the feature `gpu`.\n";
  return `use crossrank::Reranker;
${uses}
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let query = ${quote(query)};
    let documents = [
${list(documents, (text) => `      ${quote(text)}`)}    ];
${files}${gpu}    let reranker = ${loaded};
    let ranking = reranker.rerank(query, &documents, documents.len())?;
    for result in &ranking.results {
        println!("{:.4} {}", result.score, documents[result.index]);
    }
    Ok(())
}
`;
}

function modelOption({ model, name }) {
  return { bundled: "", local: " --model path/to/model", hub: ` --model ${shell(name)}` }[model];
}

function command(state) {
  const { query, documents, model, name, device, threads } = state;
  // A plain file has one document in each line.
  const plain = documents.every((text) => !text.includes("\n"));
  const file = plain ? "documents.txt" : "documents.jsonl";
  const lines = documents.map((text) => (plain ? text : json({ text })));
  const options = [
    modelOption(state),
    device !== "cpu" && ` --device ${device}`,
    threads !== "auto" && ` --threads ${threads}`,
    ` --top-k ${documents.length}`,
  ];
  let end = "END";
  while (lines.includes(end)) end += "_";
  // A value that begins like an option needs an equals sign.
  const separator = query.startsWith("-") ? "=" : " ";
  return `cat > ${file} <<'${end}'
${lines.join("\n")}
${end}
${model === "hub" ? `crossrank pull ${shell(name)}\n` : ""}crossrank rerank${options.filter(Boolean).join("")} \\
  --query${separator}${shell(query)} ${file}
`;
}

function curl(state) {
  const { query, documents, model, name, device, threads } = state;
  const options = [
    modelOption(state),
    device !== "cpu" && ` --device ${device}`,
    threads !== "auto" && ` --threads ${threads}`,
  ];
  const body = JSON.stringify({ model: "", query, documents }, null, 2);
  return `${model === "hub" ? `crossrank pull ${shell(name)}\n` : ""}crossrank serve${options.filter(Boolean).join("")} &
curl --retry 9 --retry-connrefused http://127.0.0.1:8787/v2/rerank \\
  -H 'content-type: application/json' \\
  -d ${shell(body)}
`;
}
