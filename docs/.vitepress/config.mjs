import { slug } from "github-slugger";
import { defineConfig } from "vitepress";
import { finish } from "./build/finish.mjs";
import { configureMarkdown } from "./markdown.mjs";
import { MODEL_BYTES, REPOSITORY, VERSION } from "./package.mjs";
import { sidebar } from "./sidebar.mjs";

const base = process.env.CROSSRANK_DOCS_BASE ?? "/";

const SOURCE_ICON =
  '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round">' +
  '<path d="m8 6-6 6 6 6M16 6l6 6-6 6M14 4l-4 16"/></svg>';

export default defineConfig({
  base,
  lang: "en",
  title: "crossrank",
  description: "Reranks search results in web pages, node, Rust and on servers, with one score everywhere.",
  head: [
    ["link", { rel: "icon", href: `${base}icon.svg`, type: "image/svg+xml" }],
    ["meta", { name: "color-scheme", content: "light dark" }],
  ],
  srcExclude: ["README.md", "test/**"],
  ignoreDeadLinks: "localhostLinks",
  // The policy that the build writes into each page allows no style elements, with which the theme would
  // suppress transitions.
  appearance: { disableTransition: false },
  metaChunk: true,
  markdown: {
    theme: { light: "github-light-high-contrast", dark: "github-dark-high-contrast" },
    // Anchors are those of GitHub, where the pages are read too.
    anchor: { slugify: (text) => slug(text) },
    config: configureMarkdown,
  },
  themeConfig: {
    logo: "/icon.svg",
    repository: REPOSITORY,
    modelBytes: MODEL_BYTES,
    nav: [
      { text: "Get started", link: "/start/html", activeMatch: "/start/" },
      { text: "Guides", link: "/guides/models", activeMatch: "/guides/" },
      { text: "Reference", link: "/reference/javascript", activeMatch: "/reference/" },
      { text: "Playground", link: "/playground" },
      { text: `v${VERSION}`, items: [{ text: "Changes", link: `${REPOSITORY}/blob/main/CHANGELOG.md` }] },
    ],
    sidebar,
    outline: [2, 3],
    // An icon by name is one that pages may ask other hosts for.
    socialLinks: [{ icon: { svg: SOURCE_ICON }, link: REPOSITORY, ariaLabel: "Source code" }],
    footer: { message: `crossrank ${VERSION}. MIT or Apache-2.0.` },
  },
  vue: { template: { compilerOptions: { isCustomElement: (tag) => tag === "crossrank-search" } } },
  vite: {
    // The policy allows no `data:` URLs for files that scripts fetch.
    build: { assetsInlineLimit: 0 },
    worker: { format: "es" },
    ssr: { external: ["crossrank", "crossrank-minilm-l6-en"] },
    optimizeDeps: { exclude: ["crossrank", "crossrank-minilm-l6-en"] },
  },
  buildEnd: finish,
});
