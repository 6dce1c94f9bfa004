//! Examples for the help of each command.

pub const RERANK: &str = "\
Examples:
  crossrank rerank --query \"what keeps bread fresh\" passages.txt
  crossrank rerank --query \"set a timeout\" --split paragraph README.md
  crossrank rerank --query \"cheap and quiet\" --text-field review --top-k 3 --json reviews.csv
  grep -ri timeout notes | crossrank rerank --query \"how do I set a timeout\"
  crossrank rerank --jsonl --output ranked.jsonl queries.jsonl";

#[cfg(feature = "search")]
pub const INDEX: &str = "\
Examples:
  crossrank index docs notes.md -o library.index
  crossrank index --text-field body articles.jsonl -o articles.index";

#[cfg(feature = "search")]
pub const SEARCH: &str = "\
Examples:
  crossrank search library.index \"how do I set a timeout\"
  crossrank search --mode text --no-rerank --top-k 3 library.index timeout
  crossrank search --fuse=text=0.3,vector=0.3,rerank=0.4 --json library.index \"set a timeout\"";

#[cfg(feature = "site")]
pub const SITE: &str = "\
Examples:
  crossrank site public
  crossrank site dist -o dist/search --language de";

#[cfg(feature = "site")]
pub const DISTILL: &str = "\
Examples:
  crossrank distill -o static.vectors
  crossrank distill --embedding-model my-model --dimensions 128 -o my.vectors
  crossrank site public --vectors my.vectors";

pub const EMBED: &str = "\
Examples:
  crossrank embed sentences.txt
  crossrank embed --split paragraph README.md
  echo \"how do tides form\" | crossrank embed --query";

pub const EVAL: &str = "\
Examples:
  crossrank eval sets/trec-dl-19 --relevant-grade 2
  crossrank eval sets/cranfield --search --recall 20,100 --json";

pub const MODELS: &str = "\
Examples:
  crossrank models
  crossrank models bge-reranker-base
  crossrank models --task rerank --language de --license permissive";

pub const PULL: &str = "\
Examples:
  crossrank pull BAAI/bge-reranker-base
  crossrank pull cross-encoder/ms-marco-MiniLM-L-6-v2 --file onnx/model.onnx";

pub const PREPARE: &str = "\
Examples:
  crossrank prepare BAAI/bge-reranker-base -o bge.crossrank
  crossrank rerank --model bge.crossrank --query \"what keeps bread fresh\" passages.txt";

pub const QUANTIZE: &str = "\
Examples:
  crossrank quantize my-model -o my-model.crossrank
  crossrank quantize my-model -o small.crossrank --bits 4 --sample pairs.jsonl";

pub const TRIM: &str = "\
Examples:
  crossrank trim multilingual.crossrank --languages en,de,fr,es,it,pt -o european.crossrank
  crossrank trim BAAI/bge-reranker-v2-m3 --languages en,ja --sample texts.txt -o en-ja.crossrank";

#[cfg(feature = "gpu")]
pub const DEVICES: &str = "\
Examples:
  crossrank devices
  crossrank rerank --device auto --query \"what keeps bread fresh\" passages.txt";

#[cfg(feature = "serve")]
pub const SERVE: &str = "\
Examples:
  crossrank serve
  crossrank serve --port 8080 --index library.index --cors-origin https://example.org
  crossrank serve --host 0.0.0.0 --token-file tokens.txt --model en=minilm-l6-en --alias rerank=en";

#[cfg(feature = "mcp")]
pub const MCP: &str = "\
Examples:
  crossrank mcp
  crossrank mcp --index library.index";

pub const DOCTOR: &str = "\
Examples:
  crossrank doctor
  crossrank doctor --json";

pub const COMPLETIONS: &str = "\
Examples:
  crossrank completions bash > ~/.local/share/bash-completion/completions/crossrank
  crossrank completions zsh > ~/.zfunc/_crossrank
  crossrank completions fish > ~/.config/fish/completions/crossrank.fish";

pub const MAN: &str = "\
Examples:
  crossrank man ~/.local/share/man/man1
  crossrank man --markdown > command.md";
