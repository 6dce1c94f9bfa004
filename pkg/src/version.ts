/** The package's version: that of package.json, which browsers cannot import. */
export const VERSION = "0.1.0";

/** The version of what a measurement of this engine holds for: the next engine may differ. */
export const versionHere = () => `${VERSION} ${globalThis.navigator?.userAgent}`;
