export default {
  title: "Test",
  url: "http://localhost",
  baseUrl: "/",
  scripts: [{ src: "/crossrank/crossrank-search.js", type: "module" }],
  presets: [["classic", { docs: { routeBasePath: "/" }, blog: false, sitemap: false }]],
  themeConfig: { navbar: { title: "Test", items: [{ type: "search", position: "right" }] } },
};
