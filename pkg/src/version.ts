/** The package's version: that of package.json, which browsers cannot import. */
export const VERSION = "0.1.0";
