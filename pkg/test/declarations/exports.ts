// Checks that the sources fit their declarations in types/. The compiler is the test.

import type { Exports } from "../../src/api/declared.js";
import type * as edgeDeclarations from "../../types/edge.js";
import type * as declarations from "../../types/index.js";

declare const web: typeof import("../../src/web.js");
declare const node: typeof import("../../src/node.js");
declare const edgeNode: typeof import("../../src/edge-node.js");
declare const edgeWorkerd: typeof import("../../src/edge-workerd.js");

web satisfies Exports<typeof declarations>;
node satisfies Exports<typeof declarations>;
edgeNode satisfies Exports<typeof edgeDeclarations>;
edgeWorkerd satisfies Exports<typeof edgeDeclarations>;

type OnlyDeclared<Module, Declarations> = keyof Module extends keyof Declarations ? true : never;
true satisfies OnlyDeclared<typeof web, typeof declarations>;
true satisfies OnlyDeclared<typeof node, typeof declarations>;
true satisfies OnlyDeclared<typeof edgeNode, typeof edgeDeclarations>;
true satisfies OnlyDeclared<typeof edgeWorkerd, typeof edgeDeclarations>;
