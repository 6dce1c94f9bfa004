import { useRouter } from "vitepress";
import DefaultTheme from "vitepress/theme";
import { h } from "vue";

const Search = {
  setup() {
    const router = useRouter();
    const follow = (event) => {
      event.preventDefault();
      router.go(event.detail.url.slice(location.origin.length));
    };
    return () => h("crossrank-search", { "onCrossrank-select": follow });
  },
};

export default {
  extends: DefaultTheme,
  Layout: () => h(DefaultTheme.Layout, null, { "nav-bar-content-before": () => h(Search) }),
};
