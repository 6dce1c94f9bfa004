// The styles of the element. Colours follow the property `color-scheme` of the page.

export const STYLES = `
:host {
  --background: var(--crossrank-background, light-dark(#fff, #1b1b1f));
  --soft: var(--crossrank-soft, light-dark(#f1f3f6, #2a2b31));
  --text: var(--crossrank-text, light-dark(#24252a, #e6e6ea));
  --muted: var(--crossrank-muted, light-dark(#54555e, #b0b0b9));
  --accent: var(--crossrank-accent, light-dark(#1d4f91, #9fc2ee));
  --border: var(--crossrank-border, light-dark(#868b95, #7d828c));
  --line: var(--crossrank-line, light-dark(#dfe1e6, #3a3b42));
  --mark: var(--crossrank-mark, light-dark(#fff1c4, #4d4220));
  --danger: var(--crossrank-danger, light-dark(#a3123a, #ffa7b8));
  --radius: var(--crossrank-radius, 8px);
  display: inline-block;
  font: var(--crossrank-font, inherit);
  color: var(--text);
}
:host([hidden]) { display: none; }
* { box-sizing: border-box; }
button, input, select { font: inherit; color: inherit; }
button { cursor: pointer; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
svg { flex: none; width: 1.1em; height: 1.1em; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; }

.open {
  display: flex;
  align-items: center;
  gap: 8px;
  min-height: 40px;
  padding: 0 12px;
  border: 1px solid var(--border);
  border-radius: var(--radius);
  background: var(--soft);
  color: var(--muted);
  font-size: 14px;
}
.open:hover { border-color: var(--accent); }
kbd { margin-inline-start: 12px; font: inherit; font-size: 12px; }

dialog {
  width: min(var(--crossrank-width, 720px), 100vw);
  max-width: none;
  max-height: none;
  margin: min(10vh, 80px) auto auto;
  padding: 0;
  border: 0;
  border-radius: calc(var(--radius) * 1.5);
  background: var(--background);
  color: var(--text);
  font-size: 16px;
  line-height: 1.4;
  text-align: start;
  white-space: normal;
  box-shadow: 0 12px 48px #0006;
  overscroll-behavior: contain;
}
dialog::backdrop { background: #0008; }
.panel { display: flex; flex-direction: column; max-height: calc(100dvh - min(10vh, 80px) - 24px); }
.field { display: flex; align-items: center; gap: 12px; padding: 12px 16px; border-bottom: 1px solid var(--line); }
.field svg { color: var(--muted); }
input[role] {
  flex: 1;
  min-width: 0;
  height: 40px;
  padding: 0 8px;
  border: 1px solid var(--border);
  border-radius: 6px;
  background: var(--background);
  font-size: 16px;
}
::placeholder { color: var(--muted); opacity: 1; }
.close { padding: 8px; border: 0; border-radius: 6px; background: none; color: var(--muted); font-size: 14px; }
.filters { display: flex; flex-wrap: wrap; gap: 8px 16px; padding: 10px 16px 0; font-size: 14px; }
.filters:empty { display: none; }
.filters label { display: flex; align-items: center; gap: 8px; color: var(--muted); }
select {
  min-height: 32px;
  max-width: 14em;
  padding: 0 4px;
  border: 1px solid var(--border);
  border-radius: 6px;
  background: var(--background);
  color: var(--text);
}

[role="listbox"] { --lines: 3; --all-lines: 4; overflow-y: auto; padding: 8px; overscroll-behavior: contain; }
[role="listbox"]:empty { display: none; }
.page { padding: 10px 12px 2px; font-weight: 600; font-size: 15px; overflow-wrap: anywhere; }
/* All have the same height, so that none moves when texts arrive. */
[role="option"] {
  display: block;
  height: calc(14px + 20px * var(--all-lines));
  padding: 6px 12px 8px;
  border-inline-start: 3px solid transparent;
  border-radius: var(--radius);
  color: inherit;
  text-decoration: none;
}
[role="option"]:hover, [aria-selected="true"] { background: var(--soft); }
[aria-selected="true"] { border-inline-start-color: var(--accent); outline: 1px solid var(--accent); }
.section { display: block; overflow: hidden; color: var(--accent); font-size: 14px; line-height: 20px; text-overflow: ellipsis; white-space: nowrap; }
.excerpt {
  display: -webkit-box;
  overflow: hidden;
  color: var(--muted);
  font-size: 13px;
  line-height: 20px;
  overflow-wrap: anywhere;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: var(--all-lines);
}
.section + .excerpt { -webkit-line-clamp: var(--lines); }
mark { background: var(--mark); color: var(--text); }

.note { margin: 0; padding: 8px 20px; font-size: 14px; overflow-wrap: anywhere; }
.note:empty { display: none; }
.failure { color: var(--danger); }
.hidden-text { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.foot {
  display: flex;
  flex-wrap: wrap;
  justify-content: space-between;
  gap: 4px 16px;
  padding: 10px 16px;
  border-top: 1px solid var(--line);
  color: var(--muted);
  font-size: 13px;
}
.foot[hidden] { display: none; }
.foot label { display: flex; align-items: center; gap: 8px; min-height: 24px; }
.foot button { padding: 0; border: 0; background: none; color: var(--accent); text-decoration: underline; }
progress { width: 80px; margin-inline-start: 8px; accent-color: var(--accent); vertical-align: middle; }

@media (max-width: 767px) {
  .label { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  kbd { display: none; }
  dialog { width: 100vw; margin: 0; border-radius: 0; }
  .panel { max-height: 100dvh; }
  [role="listbox"] { --lines: 4; --all-lines: 5; }
}
`;
