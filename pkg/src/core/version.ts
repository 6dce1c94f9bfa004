/** The package's version: that of package.json, which browsers cannot import. */
export const VERSION = "0.1.0";

/** Identifies this package and this engine. What was measured on one engine may not hold on another. */
export const engineVersion = () => `${VERSION} ${globalThis.navigator?.userAgent}`;
