/** Puts a text on the clipboard, and gives what to tell the reader. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return "Copied.";
  } catch {
    // On insecure origins there is no clipboard, and a reader may refuse it.
    return "This browser does not allow it. Select the text instead.";
  }
}
