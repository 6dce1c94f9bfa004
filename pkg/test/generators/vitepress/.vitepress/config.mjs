import { defineConfig } from "vitepress";

export default defineConfig({
  title: "Test",
  head: [["script", { type: "module", src: "/crossrank/crossrank-search.js" }]],
  vue: { template: { compilerOptions: { isCustomElement: (tag) => tag === "crossrank-search" } } },
});
