// JavaScript cannot say which element a selector finds.

interface ParentNode {
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  querySelector(selectors: string): any;
}
interface Document {
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  getElementById(id: string): any;
}
