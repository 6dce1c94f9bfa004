// Checks that the sources fit their declarations in types/. The compiler is the test.

import type { Exports } from "../../src/api/declared.js";
import type * as aiSdkDeclarations from "../../types/ai-sdk.js";
import type * as edgeDeclarations from "../../types/edge.js";
import type * as flexsearchDeclarations from "../../types/flexsearch.js";
import type * as fuseDeclarations from "../../types/fuse.js";
import type * as hitsDeclarations from "../../types/hits.js";
import type * as declarations from "../../types/index.js";
import type * as lancedbDeclarations from "../../types/lancedb.js";
import type * as langchainDeclarations from "../../types/langchain.js";
import type * as llamaindexDeclarations from "../../types/llamaindex.js";
import type * as minisearchDeclarations from "../../types/minisearch.js";
import type * as oramaDeclarations from "../../types/orama.js";
import type * as reactDeclarations from "../../types/react.js";
import type * as siteDeclarations from "../../types/site.js";
import type * as siteElementDeclarations from "../../types/site-element.js";

declare const web: typeof import("../../src/web.js");
declare const node: typeof import("../../src/node.js");
declare const edgeNode: typeof import("../../src/edge-node.js");
declare const edgeWorkerd: typeof import("../../src/edge-workerd.js");

web satisfies Exports<typeof declarations>;
node satisfies Exports<typeof declarations>;
edgeNode satisfies Exports<typeof edgeDeclarations>;
edgeWorkerd satisfies Exports<typeof edgeDeclarations>;

declare const aiSdk: typeof import("../../src/adapters/ai-sdk.js");
declare const flexsearch: typeof import("../../src/adapters/flexsearch.js");
declare const fuse: typeof import("../../src/adapters/fuse.js");
declare const hits: typeof import("../../src/adapters/hits.js");
declare const lancedb: typeof import("../../src/adapters/lancedb.js");
declare const langchain: typeof import("../../src/adapters/langchain.js");
declare const llamaindex: typeof import("../../src/adapters/llamaindex.js");
declare const minisearch: typeof import("../../src/adapters/minisearch.js");
declare const orama: typeof import("../../src/adapters/orama.js");
declare const react: typeof import("../../src/adapters/react.js");

aiSdk satisfies Exports<typeof aiSdkDeclarations>;
flexsearch satisfies Exports<typeof flexsearchDeclarations>;
fuse satisfies Exports<typeof fuseDeclarations>;
hits satisfies Exports<typeof hitsDeclarations>;
lancedb satisfies Exports<typeof lancedbDeclarations>;
langchain satisfies Exports<typeof langchainDeclarations>;
llamaindex satisfies Exports<typeof llamaindexDeclarations>;
minisearch satisfies Exports<typeof minisearchDeclarations>;
orama satisfies Exports<typeof oramaDeclarations>;
react satisfies Exports<typeof reactDeclarations>;

declare const siteWeb: typeof import("../../src/site/web.js");
declare const siteNode: typeof import("../../src/site/node.js");
declare const sitePage: typeof import("../../src/site/page.js");
declare const siteElement: typeof import("../../src/site/element.js");

siteWeb satisfies Exports<typeof siteDeclarations>;
siteNode satisfies Exports<typeof siteDeclarations>;
sitePage satisfies Exports<typeof siteDeclarations> & Exports<typeof siteElementDeclarations>;
siteElement satisfies Exports<typeof siteElementDeclarations>;

type OnlyDeclared<Module, Declarations> = keyof Module extends keyof Declarations ? true : never;
true satisfies OnlyDeclared<typeof web, typeof declarations>;
true satisfies OnlyDeclared<typeof node, typeof declarations>;
true satisfies OnlyDeclared<typeof edgeNode, typeof edgeDeclarations>;
true satisfies OnlyDeclared<typeof edgeWorkerd, typeof edgeDeclarations>;
