// Writes a report of each entry's public TypeScript declarations: `api.mjs FOLDER`.

import { mkdirSync, readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Extractor, ExtractorConfig } from "@microsoft/api-extractor";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = resolve(process.argv[2]);
const { exports } = JSON.parse(readFileSync(`${root}package.json`));
const { compilerOptions } = JSON.parse(readFileSync(`${root}tsconfig.json`));
const silent = { default: { logLevel: "none" } };
mkdirSync(folder, { recursive: true });

for (const { types } of Object.values(exports)) {
  if (!types) continue;
  const config = ExtractorConfig.prepare({
    packageJsonFullPath: `${root}package.json`,
    configObjectFullPath: undefined,
    configObject: {
      projectFolder: root,
      newlineKind: "lf",
      mainEntryPointFilePath: `${root}${types}`,
      compiler: { overrideTsconfig: { compilerOptions, files: [types] } },
      apiReport: {
        enabled: true,
        reportFileName: basename(types, ".d.ts"),
        reportFolder: folder,
        reportTempFolder: `${folder}/temporary`,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      // tsc checks the declarations.
      messages: {
        compilerMessageReporting: silent,
        extractorMessageReporting: silent,
        tsdocMessageReporting: silent,
      },
    },
  });
  const messageCallback = (message) => {
    message.handled = message.logLevel !== "error";
  };
  // A local build writes the report, where another one would compare it.
  const { succeeded } = Extractor.invoke(config, { localBuild: true, messageCallback });
  if (!succeeded) throw new Error(`api.mjs: there is no report of ${types}`);
}
