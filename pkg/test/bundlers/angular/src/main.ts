import { Component, provideZonelessChangeDetection } from "@angular/core";
import { bootstrapApplication } from "@angular/platform-browser";
import { Reranker } from "crossrank";
import { rankWith } from "../../rank.js";

@Component({ selector: "app-root", template: "<p>crossrank</p>" })
class App {
  constructor() {
    Object.assign(globalThis, { rank: rankWith(Reranker) });
  }
}

bootstrapApplication(App, { providers: [provideZonelessChangeDetection()] });
