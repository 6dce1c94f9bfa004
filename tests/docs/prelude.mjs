// The blocks of some pages share names that none of them makes. Such a page has a comment
// `<!-- prelude: PATH -->`: the module at this path of the repository exports them.

/** What a module declares at its top level. */
const DECLARED =
  /^(?:export )?(?:declare )?(?:async )?(?:const|let|function|class)\s+(?:\{([^}]*)\}|(\w+))/gm;

export function declaredBy(code) {
  const declared = [...code.matchAll(DECLARED)].flatMap(([, names, name]) => names?.split(",") ?? [name]);
  return declared.map((name) => name.trim()).filter(Boolean);
}

/** What a module exports. */
function exportsOf(code) {
  const lists = [...code.matchAll(/^export \{([^}]*)\}/gm)].flatMap(([, names]) => names.split(","));
  return [...declaredBy(code.replaceAll(/^(?!export ).*$/gm, "")), ...lists.map((name) => name.trim())];
}

/** The statement that imports what a block takes from the prelude, in one line. */
export function importFromPrelude(code, prelude, specifier) {
  const imported = [...code.matchAll(/^import (.*?) from/gms)].map(([, what]) => what).join();
  const isUsed = (name, where) => new RegExp(`\\b${name}\\b`).test(where);
  const declared = declaredBy(code);
  const names = exportsOf(prelude).filter(
    (name) => isUsed(name, code) && !declared.includes(name) && !isUsed(name, imported),
  );
  return `import { ${names.join(", ")} } from "${specifier}";`;
}
