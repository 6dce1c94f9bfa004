import { IdAttributePlugin } from "@11ty/eleventy";

export default function configure(config) {
  config.addPlugin(IdAttributePlugin);
}
