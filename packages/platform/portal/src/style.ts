/** How pages look: the colours of the console, which follow the reader's system. */

export const STYLE = `
:root { color-scheme: light dark; --ground: light-dark(#fbfbfa, #101314); --surface: light-dark(#fff, #171b1d);
  --line: light-dark(#e1e5e3, #2a3236); --line-strong: light-dark(#8b9591, #66737a); --text: light-dark(#1a2120, #e4e9e8);
  --quiet: light-dark(#55605d, #9aa8a7); --accent: light-dark(#0b6b63, #5cc9bb); --on-accent: light-dark(#fff, #06211e);
  --warn: light-dark(#7a5200, #e9b949); --warn-ground: light-dark(#fdf3dc, #33290f);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans KR", "Noto Sans CJK KR", "Malgun Gothic", sans-serif }
*, ::before, ::after { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--text); overflow-wrap: anywhere }
:lang(ko) { word-break: keep-all }
a { color: var(--accent) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
main:focus { outline: none }
.skip { position: absolute; left: -99rem; padding: .5rem 1rem; background: var(--surface) }
.skip:focus { left: .5rem; top: .5rem }
header { display: flex; flex-wrap: wrap; gap: .75rem 1.5rem; align-items: center; padding: .75rem 1.25rem; background: var(--surface);
  border-bottom: 1px solid var(--line) }
.home { color: inherit; text-decoration: none }
form { display: flex; gap: .5rem; flex: 1 1 18rem; max-width: 40rem }
input { flex: 1; min-width: 0 }
input, button { min-height: 2.75rem; padding: .375rem .75rem; font: inherit; color: inherit; background: transparent;
  border: 1px solid var(--line-strong); border-radius: .375rem }
input::placeholder { color: var(--quiet); opacity: 1 }
button { background: var(--accent); border-color: var(--accent); color: var(--on-accent); cursor: pointer }
nav { margin-inline-start: auto }
nav a { display: inline-block; padding: .5rem }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem }
h1 { margin: 0 0 .5rem; font-size: 1.75rem; line-height: 1.25 }
h2 { margin: 2rem 0 .5rem; font-size: 1.25rem }
h3 { margin: 1.25rem 0 .25rem; font-size: 1rem }
p { margin: 0 0 .5rem }
p:empty { display: none }
.quiet { color: var(--quiet) }
.warn { color: var(--warn); background: var(--warn-ground); padding: .125rem .375rem; border-radius: .25rem }
p.warn { padding: .5rem .75rem }
.cards { list-style: none; margin: 1rem 0; padding: 0; display: grid; gap: .75rem }
.cards li { padding: .75rem 1rem; background: var(--surface); border: 1px solid var(--line); border-radius: .375rem }
.cards h2 { margin: 0; font-size: 1.125rem }
.cards p { margin: 0 }
.table { overflow-x: auto; border: 1px solid var(--line); border-radius: .375rem; background: var(--surface) }
table { width: 100%; border-collapse: collapse }
th, td { padding: .5rem .75rem; text-align: start; vertical-align: top; border-bottom: 1px solid var(--line); min-width: 5rem }
tr:last-child td { border-bottom: 0 }
th { color: var(--quiet); font-weight: 600 }
@media (max-width: 40rem) {
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
  table, tbody, tr, td { display: block }
  tr { padding: .5rem 0; border-bottom: 1px solid var(--line) }
  tr:last-child { border-bottom: 0 }
  td { display: grid; grid-template-columns: 6.5rem 1fr; gap: .75rem; padding: .125rem .75rem; border: 0 }
  td::before { content: attr(data-head); color: var(--quiet) }
  td:empty { display: none }
}
pre, code { font: .875rem/1.5 ui-monospace, "SF Mono", "Noto Sans Mono", "DejaVu Sans Mono", Menlo, monospace }
pre { margin: .5rem 0; padding: .75rem 1rem; overflow-x: auto; white-space: pre-wrap; background: var(--surface);
  border: 1px solid var(--line); border-radius: .375rem }
`

export const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M2 3h12v3H2zm0 5h7v2H2zm0 4h9v1H2z" fill="#0b6b63"/></svg>'
