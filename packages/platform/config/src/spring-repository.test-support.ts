/** A repository of settings and requests for it, which Spring's server and ours are asked alike. */
import { spawnSync } from 'node:child_process'

const MAIN: Readonly<Record<string, string>> = {
  'application.yml': 'shared:\n  from: application.yml\n  over: base\nmanagement:\n  enabled: true\n',
  'application.properties': 'shared.from=application.properties\nshared.props=1\n',
  'application-prod.yml': 'shared:\n  over: application-prod\n',
  'application-x.yml': 'x: of all\n',
  'applicationfoo.yml': 'y: 1\n',
  'app.yml': `greeting: hi-default
db:
  url: jdbc:x
  pool: 10
servers:
  - one
  - two
  - name: three
    ports: [1, 2]
text: "\${greeting} and \${nothing:none} and \${missing}"
number: \${db.pool}
---
spring:
  config:
    activate:
      on-profile: prod
greeting: hi-prod-document
document: prod
---
spring.config.activate.on-profile: "!prod & (eu | us)"
greeting: hi-not-prod
`,
  'app-prod.yml': 'greeting: hi-prod\nservers:\n  - only\n',
  'app-prod.properties':
    '# first\ngreeting=hi-prod-properties\ndb.url = jdbc:prod\nescaped\\ key:a\\tb\\u0041\nlong=a \\\n   b\nempty=\nspring.application.x=y\n',
  'app-eu.yml': 'greeting: hi-eu\n',
  'other.yml': 'one: 1\n',
  'nested/svc.yml': 'deep: true\n',
  'types.yml': `boolean: true
quoted: "true"
float: 1.5
hex: 0x1F
date: 2026-11-29
moment: 2026-11-29T01:02:03Z
"null": ~
nothing:
emptylist: []
emptytext: ""
multi: |
  a
  b
folded: >
  a
  b
korean: 두레
dotted.key: 1
"with space": 3
camelCase: 4
kebab-case: 5
nested: {a: {b: [{c: 1}, [2, 3]]}}
anchor: &x {p: 1}
alias: *x
merged:
  <<: *x
  q: 2
`,
  'clash.yml': 'a: 1\na.b: 2\nc:\n  d: 1\n',
  'clash.properties': 'c=leaf\n',
  'cyclic.yml': 'a: ${b}\nb: ${a}\n',
  'place.yml': `a: "\${b}"\nb: "x: y"\nc: "q\${nope:}r"\ne: "\${f.\${g}}"\ng: h\nf.h: inner\nq: "'\${b}'"\nd: "\${nope:\${a}}"\n`,
  'multi.properties': 'a=1\n#---\nspring.config.activate.on-profile=prod\na=2\n',
  'expressions.yml': 'a: 1\n---\nspring.config.activate.on-profile: [us, eu]\na: 2\n',
  'blank.yml': '',
  // What both do not answer alike.
  'old.yml': 'yes: yes\noctal: 012\nunder: 1_000\ntime: 12:30\n1: number\n',
  'empty.yml': 'map: {}\n',
  'big.yml': 'big: 12345678901234567890\n',
  'bracketed.yml': '"[a/b]": 2\n',
  'twice.yml': 'a: 1\na: 2\n',
  'tabs.yml': 'a:\n\tb: 1\n',
  'cipher.yml': 'secret: "{cipher}abc"\nplain: 1\n',
  'legacy.yml': 'spring:\n  profiles: prod\nx: 1\n',
  'again.properties': 'a=1\na=2\n',
  'list.yml': '- a\n- b\n',
  'utf.properties': 'korean=두레\n',
}

/** A bare repository whose commits are the same wherever it is made. */
export function makeSpringRepository(folder: string): { readonly commit: string; readonly feature: string } {
  git(folder, ['init', '--quiet', '--bare', '--initial-branch=main', '.'])
  const commit = commitFiles(folder, 'main', MAIN)
  const feature = commitFiles(folder, 'feature/x', { ...MAIN, 'app.yml': 'greeting: hi-feature\n' })
  git(folder, ['tag', 'v1', commit])
  return { commit, feature }
}

/** The same with a working tree, which Spring needs of a repository on its own machine. */
export function workingCopy(bare: string, folder: string): void {
  git(bare, ['clone', '--quiet', bare, folder])
  git(folder, ['branch', '--quiet', 'feature/x', 'origin/feature/x'])
}

/** Makes these files, and no others, what a branch has; gives the commit. */
export function commitFiles(folder: string, branch: string, files: Readonly<Record<string, string>>): string {
  const who = 'someone <someone@example.com> 1790000000 +0000'
  const data = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`
  const content = Object.entries(files).map(([path, text]) => `M 100644 inline ${path}\n${data(text)}`)
  const before = spawnSync('git', ['rev-parse', '--verify', '--quiet', `refs/heads/${branch}`], { cwd: folder, encoding: 'utf8' })
  const from = before.status === 0 ? `from ${before.stdout.trim()}\n` : ''
  const stream = `commit refs/heads/${branch}\ncommitter ${who}\n${data('settings')}${from}deleteall\n${content.join('')}\n`
  git(folder, ['fast-import', '--quiet', '--force'], stream)
  return git(folder, ['rev-parse', `refs/heads/${branch}`]).trim()
}

export function git(folder: string, words: readonly string[], input?: string): string {
  const { status, stdout, stderr } = spawnSync('git', words, {
    cwd: folder,
    encoding: 'utf8',
    ...(input !== undefined && { input }),
  })
  if (status !== 0) throw new Error(`git ${words.join(' ')}: ${stderr}`)
  return stdout
}

/** Asked with the type of Spring's client, and plainly; files of one kind once. `COMMIT` is that of `main`. */
export const REQUESTS: readonly string[] = [
  ...['/app/default', '/app/prod', '/app/prod,eu', '/app/eu,prod', '/app/eu', '/app,other/prod', '/other,app/prod'],
  ...['/app/default/main', '/app/default/v1', '/app/default/feature(_)x', '/app/default/nolabel', '/app/prod/COMMIT'],
  ...['/nothing/default', '/nested(_)svc/default', '/applicationfoo/x', '/application/x', '/application/default'],
  ...['/types/default', '/clash/default', '/cyclic/default', '/place/default', '/multi/prod', '/multi/default'],
  ...['/expressions/eu', '/expressions/default', '/blank/default', '/app/prod-eu', '/app/PROD', '/app/default?x=1'],
  ...['/app%20x/default', '/%EB%91%90%EB%A0%88/default', '/app/default/-x', '/app/default/HEAD~1'],
  ...['/app-default.yml', '/app-prod.yml', '/app-prod.yaml', '/app-prod.properties', '/app-prod.json', '/app-prod,eu.json'],
  ...['/main/app-prod.yml', '/feature(_)x/app-default.properties', '/nolabel/app-prod.yml', '/nothing-default.yml'],
  ...['/nothing-default.properties', '/nothing-default.json', '/nested(_)svc-default.yml', '/my-app-prod.json'],
  ...['/types-default.json', '/types-default.yml', '/types-default.properties', '/clash-default.json', '/clash-default.yml'],
  ...['/cyclic-default.json', '/blank-default.yml', '/place-default.json', '/place-default.properties'],
  ...['/place-default.json?resolvePlaceholders=false', '/app.yml', '/app', '/', '/app/', '/app/-x', '/app/a.yml'],
  ...['/(_)..(_)x/default', '/app(_)../default', '/app/default/..', '/app/default/(_)..(_)', '/..%2F..%2Fetc/default'],
  ...['/%2e%2e/default', '/app/default/%00'],
]

/** What Spring and we answer in different ways, and why. */
export const DIFFERENCES: readonly {
  readonly path: string
  readonly spring: number
  readonly ours: number
  readonly why: string
}[] = [
  {
    path: '/cipher/default',
    spring: 200,
    ours: 500,
    why: 'a value that cannot be decrypted fails the request; Spring answers "invalid.secret": "<n/a>"',
  },
  { path: '/cipher-default.yml', spring: 200, ours: 500, why: 'the same' },
  {
    path: '/twice/default',
    spring: 404,
    ours: 500,
    why: 'a file that cannot be read is said, with its line; Spring says that there is nothing',
  },
  { path: '/tabs/default', spring: 404, ours: 500, why: 'the same' },
  { path: '/again/default', spring: 200, ours: 500, why: 'a key that stands twice is refused; with Spring the last counts' },
  { path: '/legacy/prod', spring: 404, ours: 500, why: 'the same: `spring.profiles` is refused by both' },
  { path: '/list/default', spring: 200, ours: 500, why: 'a file without keys is refused; Spring calls what is in it "document"' },
  { path: '/big/default', spring: 200, ours: 500, why: 'a number that is not read as it is written is refused' },
  {
    path: '/old/default',
    spring: 200,
    ours: 200,
    why: 'YAML 1.2: `yes`, `012`, `1_000` and `12:30` are what they look like; with Spring they are true, 10, 1000 and 750',
  },
  { path: '/empty/default', spring: 200, ours: 200, why: 'an empty mapping is an empty text; Spring leaves it out' },
  {
    path: '/place-default.yml',
    spring: 200,
    ours: 200,
    why: 'what a placeholder stands for stays one value; Spring puts it into the YAML, which no longer reads',
  },
  { path: '/utf/default', spring: 200, ours: 200, why: 'properties are UTF-8; Spring reads them as ISO 8859-1' },
  { path: '/bracketed-default.json', spring: 200, ours: 200, why: 'a key in brackets is without them in JSON and YAML' },
  { path: '/app;a=b/default', spring: 200, ours: 200, why: 'a semicolon is part of a name' },
]
