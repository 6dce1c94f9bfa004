// Hashes of files.

/** Whether this platform has hash functions. Hashing in WebAssembly would take far longer. */
export function canHash(): boolean {
  return globalThis.crypto?.subtle !== undefined;
}

/** The SHA-256 in hexadecimal. */
export function sha256(content: Uint8Array): Promise<string> {
  return digest("SHA-256", content);
}

/** Git's name for a file: the SHA-1 of `blob`, the length and the content. */
export function gitSha1(content: Uint8Array): Promise<string> {
  const header = new TextEncoder().encode(`blob ${content.length}\0`);
  const blob = new Uint8Array(header.length + content.length);
  blob.set(header);
  blob.set(content, header.length);
  return digest("SHA-1", blob);
}

async function digest(algorithm: string, content: Uint8Array): Promise<string> {
  const bytes = await crypto.subtle.digest(algorithm, content as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(bytes), (b) => b.toString(16).padStart(2, "0")).join("");
}
