// The Content-Security-Policy of a page.

import { createHash } from "node:crypto";

/** The hosts of the Hugging Face Hub, from which the playground loads models that a reader names. */
const HUB = "https://huggingface.co https://*.huggingface.co https://*.hf.co";

/** The policy for a page with these inline scripts. */
export function policyOf(inlineScripts) {
  const hash = (script) => `'sha256-${createHash("sha256").update(script).digest("base64")}'`;
  return [
    "default-src 'none'",
    ["script-src 'self' 'wasm-unsafe-eval'", ...new Set(inlineScripts.map(hash))].join(" "),
    // Highlighted code has its colours in attributes.
    "style-src 'self'; style-src-attr 'unsafe-inline'",
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src 'self' ${HUB}`,
    "worker-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
}
