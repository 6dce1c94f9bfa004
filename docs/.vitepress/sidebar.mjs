// The site's pages in reading order. The build fails if one of them does not exist.

const pages = (folder, titles) =>
  Object.entries(titles).map(([name, text]) => ({ text, link: `/${folder}/${name}` }));

export const sidebar = [
  {
    text: "Get started",
    items: pages("start", {
      html: "A plain HTML page",
      vite: "Vite",
      nextjs: "Next.js",
      node: "Node",
      workers: "Cloudflare Workers",
      deno: "Deno",
      bun: "Bun",
      rust: "Rust",
      python: "Python",
      server: "Server",
      command: "Command line",
      search: "Search",
    }),
  },
  { text: "Playground", link: "/playground" },
  {
    text: "Guides",
    items: [
      ...pages("guides", {
        models: "Choose a model",
        candidates: "How many candidates",
        "long-documents": "Long documents",
        "hybrid-search": "Hybrid search",
        latency: "Latency budgets",
        thresholds: "Thresholds",
        gpu: "GPU",
        offline: "Offline use",
        "site-search": "Site search",
        csp: "Content-Security-Policy",
        bundlers: "Bundlers",
        adapters: "Adapters",
        applications: "Applications",
        batch: "Many queries",
      }),
      {
        text: "Migrate from",
        items: pages("guides", {
          "migrate-cohere": "Cohere",
          "migrate-transformersjs": "transformers.js",
          "migrate-sentence-transformers": "sentence-transformers",
        }),
      },
    ],
  },
  {
    text: "Reference",
    items: pages("reference", {
      javascript: "JavaScript",
      "api/": "TypeScript API",
      options: "Options",
      errors: "Errors",
      rust: "Rust",
      command: "Command",
      http: "HTTP API",
      "index-files": "Index files",
    }),
  },
  {
    text: "Project",
    items: pages("project", {
      benchmarks: "Benchmarks",
      quality: "Measured quality",
      sizes: "Sizes",
      limits: "Limits",
      security: "Security",
      faults: "Faults",
      architecture: "Architecture",
      decisions: "Design decisions",
    }),
  },
];
