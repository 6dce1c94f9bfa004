import type { NextConfig } from "next";

export default {
  // They find their files beside their own code.
  serverExternalPackages: ["crossrank", "crossrank-minilm-l6-en"],
  // The folders above are not part of the app.
  turbopack: { root: import.meta.dirname },
} satisfies NextConfig;
