/** The look of the page `/docs`: one small sheet inside the page, which is allowed by its hash and nothing else is. */

export const STYLE = `
:root { color-scheme: light dark; --ground: #fff; --sunken: #f1f4f2; --line: #d9dfdb; --text: #18211e; --muted: #55625d; --accent: #0d665a; --bad: #a5231c; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #111514; --sunken: #1b211f; --line: #2d3633; --text: #e2e9e6; --muted: #9caaa5; --accent: #5cc7b4; --bad: #f48b82; }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.55 system-ui, "Segoe UI", "Noto Sans", sans-serif; }
a { color: var(--accent); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: 1rem; background: var(--ground); padding: .4rem .8rem; }
.page { display: grid; grid-template-columns: 18rem minmax(0, 1fr); max-width: 84rem; margin: 0 auto; }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.5rem 1rem; border-right: 1px solid var(--line); font-size: 13px; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li a { display: block; padding: .15rem .3rem; text-decoration: none; overflow-wrap: anywhere; }
nav li a:hover { background: var(--sunken); }
nav .verb { min-width: 3.2rem; display: inline-block; }
main { padding: 1.5rem 2rem 6rem; min-width: 0; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.4rem; margin: 3rem 0 .2rem; padding-top: .8rem; border-top: 1px solid var(--line); }
nav h2 { border: 0; padding: 0; font-size: 13px; margin: 1.2rem 0 .2rem; }
h3 { font-size: 1.05rem; margin: 2.2rem 0 .3rem; }
h4 { font-size: .82rem; margin: 1.1rem 0 .3rem; color: var(--muted); }
section.operation { border-top: 1px dashed var(--line); margin-top: 2rem; }
.verb { font: 600 .78em ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; color: var(--accent); text-transform: uppercase; }
.verb.delete { color: var(--bad); }
code, pre { font: .88em/1.5 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { overflow-wrap: anywhere; }
pre { background: var(--sunken); padding: .8rem 1rem; overflow-x: auto; border-radius: 6px; }
pre code { overflow-wrap: normal; }
.quiet { color: var(--muted); }
dl.fields { margin: .2rem 0; }
dl.fields dl.fields { margin-left: .4rem; padding-left: .9rem; border-left: 1px solid var(--line); }
dl.fields dt { margin-top: .35rem; }
dl.fields dd { margin: 0; color: var(--muted); }
summary { cursor: pointer; color: var(--accent); }
@media (max-width: 50rem) {
  .page { display: block; }
  nav { position: static; height: auto; border: 0; border-bottom: 1px solid var(--line); }
  main { padding: 1rem; }
}
`;
