import starlight from "@astrojs/starlight";
import { defineConfig } from "astro/config";

export default defineConfig({
  integrations: [
    starlight({
      title: "Test",
      pagefind: false,
      components: { Search: "./src/components/Search.astro" },
      head: [{ tag: "script", attrs: { type: "module", src: "/crossrank/crossrank-search.js" } }],
    }),
  ],
});
