import { newestRecord } from "./record.mjs";

export default { watch: ["../../../../benches/record/*.md"], load: newestRecord };
