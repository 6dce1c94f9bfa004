import DefaultTheme from "vitepress/theme-without-fonts";
import { h } from "vue";
import FrontPage from "./FrontPage.vue";
import NotFound from "./NotFound.vue";
import SiteSearch from "./SiteSearch.vue";
import "./style.css";
import WidePage from "./WidePage.vue";

export default {
  extends: DefaultTheme,
  Layout: () =>
    h(DefaultTheme.Layout, null, {
      "nav-bar-content-before": () => h(SiteSearch),
      "not-found": () => h(NotFound),
    }),
  enhanceApp({ app }) {
    // Layouts that a page names. Those of the default theme have no `main`.
    app.component("front", FrontPage);
    app.component("wide", WidePage);
  },
};
